//! What a person sees of a step: its name, what it does, and how long that took.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use crate::failure::Outcome;

/// How a step ended.
pub enum Done {
    /// Nothing had to be done.
    AlreadyThere(String),
    /// It did its work; the text says what is there now.
    Made(String),
}

/// Does one step of a run and prints its line.
pub fn step(name: &str, work: impl FnOnce() -> Outcome<Done>) -> Outcome {
    let started = Instant::now();
    let result = work();
    let took = seconds(started.elapsed());
    match &result {
        Ok(Done::AlreadyThere(what)) => say(&format!("{} {name}: {what} {}", green("✓"), dim(&took))),
        Ok(Done::Made(what)) => say(&format!("{} {}: {what} {}", green("✓"), bold(name), dim(&took))),
        Err(_) => say(&format!("{} {} {}", red("✗"), bold(name), dim(&took))),
    }
    result.map(drop)
}

/// Says what a step is about to do, where that takes longer than a moment.
pub fn doing(what: &str) {
    say(&format!("{} {what}", dim("…")));
}

/// Prints one line at once. The progress of a run is for people: it goes to stderr, so that stdout stays for results.
pub fn say(line: &str) {
    eprintln!("{line}");
}

/// `3.2 s`, `75 s`.
pub fn seconds(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    if seconds < 10.0 { format!("{seconds:.1} s") } else { format!("{seconds:.0} s") }
}

/// In bold where a terminal reads along.
pub fn bold(text: &str) -> String {
    paint(text, "1")
}

/// In green where a terminal reads along.
pub fn green(text: &str) -> String {
    paint(text, "32")
}

/// In red where a terminal reads along.
pub fn red(text: &str) -> String {
    paint(text, "31")
}

fn dim(text: &str) -> String {
    paint(text, "2")
}

fn paint(text: &str, code: &str) -> String {
    let coloured = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    if coloured { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
}
