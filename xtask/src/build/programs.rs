//! `oriel` and `oriel-engine` in release. Cargo knows best whether they are fresh.

use super::machine;
use crate::command;
use crate::failure::Outcome;
use crate::place;
use crate::report::Done;

/// Compiles both programs in one go, so that they share what they have in common.
pub fn build() -> Outcome<Done> {
    let mut cargo = machine::cargo();
    cargo.current_dir(place::root());
    cargo.args(["build", "--release", "--package", "backend", "--package", "engine-llama"]);
    command::run(&mut cargo)?;
    Ok(Done::Made(format!("oriel and oriel-engine in {}", place::target().join("release").display())))
}
