//! Formatting and clippy.

use super::Proof;
use crate::build::machine;
use crate::command;
use crate::failure::Outcome;
use crate::place;

/// Everything is formatted.
pub fn fmt() -> Outcome<Proof> {
    let mut cargo = machine::cargo();
    command::run(cargo.current_dir(place::root()).args(["fmt", "--all", "--check"]))?;
    Ok(Proof::Check)
}

/// Clippy over everything but llama.cpp's worker and the page, which are built in other ways.
pub fn clippy() -> Outcome<Proof> {
    let mut cargo = machine::cargo();
    cargo.current_dir(place::root()).args(["clippy", "--workspace", "--all-targets"]);
    cargo.args(["--exclude", "engine-llama", "--exclude", "frontend", "--", "-D", "warnings"]);
    command::run(&mut cargo)?;
    Ok(Proof::Check)
}
