//! The tables of a run: for the terminal and, the same, as Markdown.

use std::fmt::Write;
use std::time::Duration;

use crate::checks::journal::Endings;
use crate::faults::kind::Kind;
use crate::ledger::{Ledger, Rule};
use crate::proxy::ProxySums;

/// What a run was and found.
pub struct Report<'a> {
    /// Everything that was written down.
    pub ledger: &'a Ledger,
    /// What the network did.
    pub network: ProxySums,
    /// How the answers ended.
    pub endings: Endings,
    /// Starts of a server that PostgreSQL's absence prevented.
    pub refused_starts: u64,
    /// The seed.
    pub seed: u64,
    /// Servers.
    pub replicas: usize,
    /// People.
    pub people: usize,
    /// From the first fault to the last, and what followed.
    pub took: Duration,
}

impl Report<'_> {
    /// All of it.
    pub fn markdown(&self) -> String {
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, text: &mut String) -> std::fmt::Result {
        self.write_faults(text)?;
        self.write_rules(text)?;
        self.write_sums(text)
    }

    fn write_faults(&self, text: &mut String) -> std::fmt::Result {
        let header = [
            "fault",
            "times",
            "answers hit",
            "next token: p50",
            "p95",
            "max",
            "ended meanwhile",
            "unwatched",
        ];
        let mut rows = Vec::new();
        let recoveries = self.ledger.recoveries();
        for kind in Kind::ALL {
            let recovered = recoveries.of(kind.index());
            let hit = recovered.times.len() as u64 + recovered.ended + recovered.unwatched;
            let time = |percent| recovered.percentile(percent).map_or_else(|| "–".to_owned(), seconds);
            rows.push(vec![
                kind.to_string(),
                self.ledger.faults_of(kind.index()).to_string(),
                hit.to_string(),
                time(50),
                time(95),
                time(100),
                recovered.ended.to_string(),
                recovered.unwatched.to_string(),
            ]);
        }
        for (name, count) in [
            ("connection cut at a random byte", self.network.cuts),
            ("connection half closed", self.network.half_closes),
            ("connection gone silent", self.network.silences),
            ("answer to a POST lost", self.network.lost_answers),
            ("POST sent twice at once", self.ledger.sums().duplicated),
        ] {
            let mut row = vec![name.to_owned(), count.to_string()];
            row.resize(header.len(), "–".to_owned());
            rows.push(row);
        }
        table(text, &header, &rows)
    }

    fn write_rules(&self, text: &mut String) -> std::fmt::Result {
        let rows: Vec<Vec<String>> = Rule::ALL
            .iter()
            .map(|rule| {
                let (checked, broken) = self.ledger.counts(*rule);
                vec![rule.to_string(), checked.to_string(), broken.to_string()]
            })
            .collect();
        table(text, &["promise", "checks", "violations"], &rows)
    }

    fn write_sums(&self, text: &mut String) -> std::fmt::Result {
        let sums = self.ledger.sums();
        let Endings { done, stopped, failed, taken_over, engine_died } = self.endings;
        writeln!(
            text,
            "{} people on {} replicas for {} s, seed {}: {} requests acknowledged after {} tries, {} answers ({done} done, \
             {stopped} stopped, {failed} failed), of which {taken_over} changed their owner and {engine_died} saw an engine \
             die; {} bytes shown, {} streams opened, {} broken, {} gaps healed, {} reloads, {} stops, {} sign-ins, {} \
             connections; {} starts of a server had to wait for PostgreSQL.",
            self.people,
            self.replicas,
            self.took.as_secs(),
            self.seed,
            sums.acknowledged,
            sums.tries,
            done + stopped + failed,
            sums.shown_bytes,
            sums.streams,
            sums.broken_streams,
            sums.gaps,
            sums.reloads,
            sums.stops,
            sums.sign_ins,
            self.network.connections,
            self.refused_starts,
        )
    }
}

fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}

fn table(text: &mut String, header: &[&str], rows: &[Vec<String>]) -> std::fmt::Result {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain(header.get(column).map(|cell| cell.chars().count())).max().unwrap_or_default()
    };
    let mut line = |cells: &mut dyn Iterator<Item = String>| {
        text.push('|');
        for (column, cell) in cells.enumerate() {
            let pad = width(column).saturating_sub(cell.chars().count());
            let pad = " ".repeat(pad);
            match column {
                0 => write!(text, " {cell}{pad} |")?,
                _ => write!(text, " {pad}{cell} |")?,
            }
        }
        text.push('\n');
        std::fmt::Result::Ok(())
    };
    line(&mut header.iter().map(|cell| (*cell).to_owned()))?;
    let rule = |column: usize| match column {
        0 => "-".repeat(width(0)),
        _ => format!("{}:", "-".repeat(width(column).saturating_sub(1))),
    };
    line(&mut (0..header.len()).map(rule))?;
    for row in rows {
        line(&mut row.iter().cloned())?;
    }
    text.push('\n');
    Ok(())
}
