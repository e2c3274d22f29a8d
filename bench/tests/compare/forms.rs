//! The four forms of one report tell the same.

use crate::run::{Finished, Row};

/// Every figure stands in the text, in the table and in the chart, with the numbers of the JSON.
pub fn say_the_same(run: &Finished) {
    for row in run.report().rows() {
        let unit = row.unit();
        let table = line(&run.markdown, &format!("| {}, {unit} |", row.title()));
        let cells: Vec<&str> = table.split('|').map(str::trim).skip(2).take(6).collect();
        let pointers =
            ["/a/summary/median", "/a/summary/p99", "/b/summary/median", "/b/summary/p99", "/ratio", "/goal"];
        for (cell, pointer) in cells.iter().zip(pointers) {
            is_number(cell, &row, pointer);
        }
        let told = cells.iter().flat_map(|cell| cell.split(' ')).filter(|word| !word.is_empty());
        let said: String = told.map(|word| format!(" {word}")).collect();
        let text: String =
            line(&run.text, row.title()).split_whitespace().map(|word| format!(" {word}")).collect();
        assert!(text.contains(&said), "`{said}` is missing in `{text}`");
        let verdict = match row.is_reached() {
            Some(true) => "| reached |",
            Some(false) => "| **missed** |",
            None => "|  |",
        };
        assert!(table.ends_with(verdict), "{table}");
        is_drawn(&run.svg, &row, &cells);
    }
}

fn line<'a>(form: &'a str, part: &str) -> &'a str {
    form.lines().find(|line| line.contains(part)).unwrap_or_else(|| panic!("`{part}` is missing in:\n{form}"))
}

/// The cell says the number in fewer digits; nothing, or that there is none, where there is none.
fn is_number(cell: &str, row: &Row, pointer: &str) {
    let shown = cell.trim_start_matches(['≥', '≤', ' ']).parse::<f64>().ok();
    let known = (!row.is_missing(pointer)).then(|| row.number(pointer));
    match (shown, known) {
        (None, None) => assert!(["not measured", "–", ""].contains(&cell), "`{cell}` for nothing"),
        (Some(shown), Some(known)) => {
            // Three digits of a ratio below 0.1, else two.
            let rounding = if known < 0.1 { 0.0005 } else { 0.005_f64.max(known.abs() * 0.005) };
            assert!((shown - known).abs() <= rounding * 1.01, "{shown} for {known} in {row:?}");
        }
        _ => panic!("`{cell}` for {known:?} in {row:?}"),
    }
}

/// The figure's part of the chart holds the medians and the ratio.
fn is_drawn(svg: &str, row: &Row, cells: &[&str]) {
    let (_, part) = svg.split_once(&format!(">{} <", row.title())).expect("the figure's title");
    let (_, part) = part.split_once("better)").expect("its bars");
    let (medians, ratio) = (cells.iter().step_by(2).take(2), cells.get(4).expect("a ratio"));
    for median in medians {
        let unit = if *median == "not measured" { "" } else { row.unit() };
        let bar = format!(">{median} {unit}</text>");
        assert!(part.contains(&bar), "{bar} is missing in {part}");
    }
    assert!(part.contains(&format!(">{ratio}</text>")), "{ratio} is missing in {part}");
}
