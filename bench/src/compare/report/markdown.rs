//! The results as a table for a document.

use super::{Report, Row};

/// The circumstances as a list, and the table.
pub fn tables(report: &Report) -> String {
    let names = report.names();
    let mut text = String::new();
    for fact in report.circumstances() {
        text.push_str(&format!("- {fact}\n"));
    }
    text.push_str(&format!(
        "\n| figure | {} | p99 | {} | p99 | ratio | goal | |\n|---|---:|---:|---:|---:|---:|---:|---|\n",
        names[0], names[1]
    ));
    for row in &report.rows {
        let verdict = match row.is_reached {
            Some(true) => "reached",
            Some(false) => "**missed**",
            None => "",
        };
        let (title, unit, cells) = (&row.title, row.unit.sign(), row.cells().join(" | "));
        text.push_str(&format!("| {title}, {unit} | {cells} | {verdict} |\n"));
    }
    let remark = |row: &Row| {
        let remarks = row.remarks(names).join("; ");
        (!remarks.is_empty()).then(|| format!("- {}: {remarks}\n", row.title))
    };
    let remarks: String = report.rows.iter().filter_map(remark).collect();
    if !remarks.is_empty() {
        text.push_str(&format!("\n{remarks}"));
    }
    text
}
