//! `cargo xtask test`: all checks, or one part of them. Every part runs even when one before it failed; the table at
//! the end says which, and how to repeat it alone.

pub mod browser;
mod clients;
mod count;
mod layering;
mod licences;
mod lint;
mod rust;
mod services;
mod sources;

use std::time::{Duration, Instant};

use crate::failure::{Failure, Outcome};
use crate::report::{bold, green, red, say, seconds};

/// What a part proved.
pub enum Proof {
    /// So many tests passed.
    Tests(u32),
    /// It is one check.
    Check,
    /// Could not be done here; why.
    Skipped(String),
}

struct Part {
    name: &'static str,
    what: &'static str,
    run: fn() -> Outcome<Proof>,
}

/// The cheap ones first; what shares compiled code stands together.
const PARTS: [Part; 17] = [
    Part { name: "fmt", what: "formatting", run: lint::fmt },
    Part { name: "layering", what: "who may know whom", run: layering::check },
    Part { name: "clippy", what: "lints", run: lint::clippy },
    Part { name: "page", what: "lints of the page as the browser gets it", run: lint::page },
    Part { name: "unit", what: "unit tests", run: rust::unit },
    Part { name: "store", what: "the store on a real PostgreSQL", run: rust::store },
    Part { name: "api", what: "the API on a real PostgreSQL, with the scripted engine", run: rust::api },
    Part { name: "disk", what: "the API while the disk of its PostgreSQL is full", run: rust::disk },
    Part { name: "bench", what: "the comparison of two servers with the scripted engine", run: rust::bench },
    Part { name: "components", what: "the page's components in Chromium", run: browser::components },
    Part { name: "engine", what: "lints of the engine, and its tests with real models", run: rust::engine },
    Part { name: "journey", what: "a person's way through nginx with a real model", run: browser::journey },
    Part {
        name: "clients",
        what: "the libraries that programs use, with a real model",
        run: clients::clients,
    },
    Part { name: "stop", what: "start and end of everything", run: services::stop },
    Part {
        name: "chaos",
        what: "everything is killed, and nothing that was shown is lost",
        run: services::chaos,
    },
    Part { name: "compose", what: "the compose file", run: services::compose },
    Part { name: "deny", what: "licences, advisories and sources of dependencies", run: licences::check },
];

/// Runs one part, or all.
pub fn test(only: Option<&str>) -> Outcome {
    let parts: Vec<&Part> = PARTS.iter().filter(|part| only.is_none_or(|name| name == part.name)).collect();
    if parts.is_empty() {
        let known: Vec<String> =
            PARTS.iter().map(|part| format!("  {:11} {}", part.name, part.what)).collect();
        return Err(Failure::new(format!(
            "there is no part `{}`. The parts are:\n{}",
            only.unwrap_or_default(),
            known.join("\n")
        )));
    }
    let results: Vec<Ran> = parts.into_iter().map(run).collect();
    summarise(&results)
}

struct Ran {
    part: &'static str,
    took: Duration,
    outcome: Outcome<Proof>,
}

fn run(part: &Part) -> Ran {
    say(&format!("\n{} {}", bold(&format!("── {}", part.name)), part.what));
    let started = Instant::now();
    let outcome = (part.run)();
    if let Err(failure) = &outcome {
        say(&format!("{} {failure}", red("✗")));
    }
    Ran { part: part.name, took: started.elapsed(), outcome }
}

fn summarise(results: &[Ran]) -> Outcome {
    say("");
    let (mut passed, mut failed) = (0, Vec::new());
    for Ran { part, took, outcome } in results {
        let shown = match outcome {
            Ok(Proof::Tests(count)) => {
                passed += count;
                green(&format!("passed, {count} tests"))
            }
            Ok(Proof::Check) => {
                passed += 1;
                green("passed")
            }
            Ok(Proof::Skipped(why)) => format!("skipped: {why}"),
            Err(_) => {
                failed.push(*part);
                red("FAILED")
            }
        };
        say(&format!("  {part:11} {:>8}  {shown}", seconds(*took)));
    }
    say("");
    for part in &failed {
        say(&format!("  again: {}", bold(&format!("cargo xtask test {part}"))));
    }
    println!("{passed} passed, {} failed", failed.len());
    if failed.is_empty() { Ok(()) } else { Err(Failure::new(format!("{} failed", failed.join(", ")))) }
}
