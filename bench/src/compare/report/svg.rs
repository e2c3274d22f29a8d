//! The results as a chart: for each figure a bar of each server, as long as its median in parts of the larger one.

use super::{Report, Row, ratio_text};

const WIDTH: u32 = 900;
const ROW_HEIGHT: u32 = 64;
const HEAD_HEIGHT: u32 = 60;
const BAR_LEFT: u32 = 20;
const BAR_WIDTH: f64 = 560.0;
const COLOURS: [&str; 2] = ["#3b6fd4", "#b0b4bd"];

/// A picture that needs nothing else.
pub fn chart(report: &Report) -> String {
    let height = HEAD_HEIGHT + ROW_HEIGHT * report.rows.len() as u32 + 20;
    let names = report.names();
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" \
         font-size=\"13\" role=\"img\">\n<title>{} and {}, ratios of medians</title>\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#ffffff\"/>\n",
        escaped(names[0]),
        escaped(names[1])
    );
    for ((name, colour), x) in names.iter().zip(COLOURS).zip([BAR_LEFT, 200]) {
        svg.push_str(&format!(
            "<rect x=\"{x}\" y=\"20\" width=\"14\" height=\"14\" fill=\"{colour}\"/>\n\
             <text x=\"{}\" y=\"32\">{}</text>\n",
            x + 20,
            escaped(name)
        ));
    }
    for (row, number) in report.rows.iter().zip(0..) {
        svg.push_str(&drawn(row, HEAD_HEIGHT + ROW_HEIGHT * number));
    }
    svg.push_str("</svg>\n");
    svg
}

fn drawn(row: &Row, top: u32) -> String {
    let medians = [&row.a, &row.b].map(|side| side.summary.as_ref().map_or(0.0, |summary| summary.median));
    let longest = medians.into_iter().fold(f64::MIN_POSITIVE, f64::max);
    let better = if row.unit.more_is_better() { "more is better" } else { "less is better" };
    let mut svg = format!(
        "<text x=\"{BAR_LEFT}\" y=\"{}\">{} <tspan fill=\"#777777\">({better})</tspan></text>\n",
        top + 12,
        escaped(&row.title)
    );
    let sides = [&row.a, &row.b].into_iter().zip(medians).zip(COLOURS).zip([18, 36]);
    for (((side, median), colour), offset) in sides {
        let width = median / longest * BAR_WIDTH;
        let unit = side.summary.as_ref().map_or("", |_| row.unit.sign());
        svg.push_str(&format!(
            "<rect x=\"{BAR_LEFT}\" y=\"{}\" width=\"{width:.1}\" height=\"14\" fill=\"{colour}\"/>\n\
             <text x=\"{:.1}\" y=\"{}\" font-size=\"11\">{} {unit}</text>\n",
            top + offset,
            f64::from(BAR_LEFT) + width + 6.0,
            top + offset + 11,
            side.median_text()
        ));
    }
    let colour = match row.is_reached {
        Some(true) => "#1a7f37",
        Some(false) => "#c62828",
        None => "#444444",
    };
    svg.push_str(&format!(
        "<text x=\"{}\" y=\"{}\" font-size=\"18\" text-anchor=\"end\" fill=\"{colour}\">{}</text>\n\
         <text x=\"{}\" y=\"{}\" font-size=\"11\" text-anchor=\"end\" fill=\"#777777\">{}</text>\n",
        WIDTH - 20,
        top + 28,
        ratio_text(row.ratio),
        WIDTH - 20,
        top + 46,
        escaped(&row.goal.map_or_else(String::new, |_| format!("goal {}", row.goal_text())))
    ));
    svg
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
