//! The results: one row a figure, with the ratio of the medians.

pub mod markdown;
pub mod svg;

use std::fmt;

use serde::Serialize;

use super::bandwidth::Floor;
use super::figure::{Figure, Unit};
use super::identity::{Identity, ModelFile};
use super::machine::Machine;
use super::statistics::Summary;

/// All of a run.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Where and when.
    pub machine: Machine,
    /// The part of the processors that was neither ours nor idle meanwhile, in percent.
    pub others_percent: Option<f64>,
    /// What both compute with.
    pub model: Option<ModelFile>,
    /// How fast one stream could be at most.
    pub floor: Option<Floor>,
    /// The number that gives the same texts again.
    pub run: u64,
    /// How often each scenario was done at each server.
    pub rounds: u32,
    /// What was compared.
    pub servers: [Identity; 2],
    /// Processor that each took while the other was measured, in percent of a core.
    pub idle_processor_percent: [Option<f64>; 2],
    /// The figures.
    pub rows: Vec<Row>,
}

/// One figure.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// Which.
    pub figure: Figure,
    /// For people.
    pub title: String,
    /// In what it is measured.
    pub unit: Unit,
    /// The first server.
    pub a: Side,
    /// The second server.
    pub b: Side,
    /// The first median in parts of the second; none where one of them is missing.
    pub ratio: Option<f64>,
    /// What the ratio was to be at least (speeds) or at most (times).
    pub goal: Option<f64>,
    /// Whether it is.
    pub is_reached: Option<bool>,
}

/// One figure at one server.
#[derive(Clone, Debug, Serialize)]
pub struct Side {
    /// None where too many rounds gave no reading.
    pub summary: Option<Summary>,
    /// Tokens of the prompt, in the last round.
    pub prompt_tokens: Option<u32>,
    /// How many of them were not read again.
    pub cached_tokens: Option<u32>,
    /// Why rounds gave no reading, one entry each.
    pub left_out: Vec<String>,
}

impl Row {
    /// With the ratio of two medians.
    pub fn new(figure: Figure, title: String, goal: Option<f64>, a: Side, b: Side) -> Self {
        let ratio = a.summary.as_ref().zip(b.summary.as_ref()).map(|(a, b)| a.median / b.median);
        let unit = figure.unit();
        let is_reached = ratio.zip(goal).map(|(ratio, goal)| unit.reaches(ratio, goal));
        Self { figure, title, unit, a, b, ratio, goal, is_reached }
    }

    /// Median and 99th percentile of each server, the ratio and the goal, as the tables have them.
    pub fn cells(&self) -> [String; 6] {
        let [a, b] = [&self.a, &self.b].map(|side| (side.median_text(), side.p99_text()));
        [a.0, a.1, b.0, b.1, ratio_text(self.ratio), self.goal_text()]
    }

    /// The goal with its direction.
    pub fn goal_text(&self) -> String {
        let sign = if self.unit.more_is_better() { "≥" } else { "≤" };
        self.goal.map_or_else(String::new, |goal| format!("{sign} {goal:.2}"))
    }

    /// What else is to be known of the figure: sizes of prompts, and what was left out; a sentence each.
    pub fn remarks(&self, names: [&str; 2]) -> Vec<String> {
        let sides = [&self.a, &self.b].into_iter().zip(names);
        sides.flat_map(|(side, name)| side.remarks(name)).collect()
    }
}

impl Side {
    /// The median for a table.
    pub fn median_text(&self) -> String {
        self.summary.as_ref().map_or_else(|| "not measured".into(), |summary| number(summary.median))
    }

    fn remarks(&self, name: &str) -> Vec<String> {
        let mut remarks = Vec::new();
        if let Some((prompt, cached)) = self.prompt_tokens.zip(self.cached_tokens) {
            remarks.push(format!("{name}: {prompt} tokens in the prompt, {cached} of them read before"));
        }
        if let Some(why) = self.left_out.last() {
            remarks.push(format!("{name}: {} rounds left out: {why}", self.left_out.len()));
        }
        remarks
    }

    fn p99_text(&self) -> String {
        self.summary.as_ref().map_or_else(String::new, |summary| number(summary.p99))
    }
}

/// As many digits as mean something.
pub fn number(value: f64) -> String {
    match value.abs() {
        0.0..10.0 => format!("{value:.2}"),
        10.0..1000.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

/// A ratio; small ones need a digit more.
pub fn ratio_text(ratio: Option<f64>) -> String {
    match ratio {
        None => "–".into(),
        Some(ratio) if ratio < 0.1 => format!("{ratio:.3}"),
        Some(ratio) => format!("{ratio:.2}"),
    }
}

impl Report {
    /// Names of both.
    pub fn names(&self) -> [&str; 2] {
        [&self.servers[0].name, &self.servers[1].name]
    }

    /// Where, when and with what, a fact a line.
    pub fn circumstances(&self) -> Vec<String> {
        let Machine { processor, cores, kernel, load_before, taken_at } = &self.machine;
        let others = self.others_percent.map_or_else(String::new, |percent| {
            format!(", {percent:.1} % of the processors taken by others meanwhile")
        });
        let mut facts = vec![
            format!(
                "{taken_at}, {processor}, {cores} cores, Linux {kernel}, load before {load_before:.2}{others}"
            ),
            format!("{} rounds by turns, texts of run {}", self.rounds, self.run),
        ];
        if let Some(model) = &self.model {
            facts.push(format!("{}, {} bytes, sha256 {}", model.name, model.size_bytes, model.sha256));
        }
        facts.extend(self.floor_text());
        for (server, idle) in self.servers.iter().zip(self.idle_processor_percent) {
            let mut fact = server.name.clone();
            for (name, value) in &server.says {
                fact.push_str(&format!(", {name} {value}"));
            }
            if !server.about.is_empty() {
                fact.push_str(&format!("; {}", server.about));
            }
            if let Some(memory_bytes) = server.memory_bytes {
                fact.push_str(&format!("; {:.0} MiB", memory_bytes as f64 / (1024.0 * 1024.0)));
            }
            if let Some(percent) = idle {
                fact.push_str(&format!("; {percent:.1} % of a core while the other was measured"));
            }
            facts.push(fact);
        }
        facts
    }
}

impl Report {
    /// The memory's bandwidth, and what part of it one stream reaches.
    fn floor_text(&self) -> Option<String> {
        let floor = self.floor?;
        let mut text = format!(
            "memory is read at {:.1} GB/s: the weights once for each token take {:.2} ms, {:.0} tokens/s",
            floor.bytes_per_second / 1e9,
            floor.ms_per_token,
            floor.tokens_per_second
        );
        let single = self.rows.iter().find(|row| row.figure == Figure::SingleSpeed);
        for (side, name) in single.into_iter().flat_map(|row| [&row.a, &row.b]).zip(self.names()) {
            if let Some(summary) = &side.summary {
                let percent = summary.median * 100.0 / floor.tokens_per_second;
                text.push_str(&format!(", {name} with one stream {percent:.0} % of that"));
            }
        }
        Some(text)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for fact in self.circumstances() {
            writeln!(f, "{fact}")?;
        }
        let names = self.names();
        writeln!(f)?;
        let title_width = self.rows.iter().map(|row| row.title.chars().count()).max().unwrap_or_default();
        writeln!(
            f,
            "{:title_width$}  {:8}  {:>14} {:>9}  {:>14} {:>9}  {:>6}  goal",
            "", "", names[0], "p99", names[1], "p99", "ratio"
        )?;
        for row in &self.rows {
            let [a, a_p99, b, b_p99, ratio, goal] = row.cells();
            let (title, unit) = (&row.title, row.unit.sign());
            write!(
                f,
                "{title:title_width$}  {unit:8}  {a:>14} {a_p99:>9}  {b:>14} {b_p99:>9}  {ratio:>6}  {goal}"
            )?;
            match row.is_reached {
                Some(true) => writeln!(f, " reached")?,
                Some(false) => writeln!(f, " missed")?,
                None => writeln!(f)?,
            }
            for remark in row.remarks(names) {
                writeln!(f, "    {remark}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
