//! `cargo xtask chaos`: builds what the ledger test needs and runs it. What it does: `chaos/src/main.rs`.

use std::process::Command;

use crate::build::machine;
use crate::command;
use crate::failure::Outcome;
use crate::place;
use crate::report::{Done, step};
use crate::setup::packages;

/// Runs it with these words of the command line; fails where a promise was not kept.
pub fn chaos(options: &[&str]) -> Outcome {
    step("system packages", || packages::install(&packages::RUN.iter().collect::<Vec<_>>()))?;
    step("programs", build)?;
    let mut test = Command::new(place::release_program("oriel-chaos"));
    test.arg("--programs").arg(place::target().join("release"));
    test.arg("--nginx").arg(place::root().join("nginx"));
    test.arg("--output").arg(place::target().join("chaos"));
    command::run(test.args(options))
}

/// The server as it is shipped, and the tools by themselves: chosen together, they would share features.
fn build() -> Outcome<Done> {
    for packages in [["--package", "backend"].as_slice(), &["--package", "engine", "--package", "chaos"]] {
        let mut cargo = machine::cargo();
        command::run(cargo.current_dir(place::root()).args(["build", "--release", "--bins"]).args(packages))?;
    }
    Ok(Done::Made("oriel, oriel-engine-scripted and oriel-chaos".into()))
}
