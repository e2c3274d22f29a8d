//! `oriel` and `oriel-engine` in release. Cargo knows best whether they are fresh.

use super::machine;
use crate::command;
use crate::failure::Outcome;
use crate::place;
use crate::report::Done;

/// Compiles both programs, each by itself: chosen together, their packages would share features, and llama.cpp would
/// be compiled once more for the checks that look at the worker alone.
pub fn build() -> Outcome<Done> {
    for package in ["engine-llama", "backend"] {
        let mut cargo = machine::cargo();
        cargo.current_dir(place::root()).args(["build", "--release", "--package", package]);
        command::run(&mut cargo)?;
    }
    Ok(Done::Made(format!("oriel and oriel-engine in {}", place::target().join("release").display())))
}
