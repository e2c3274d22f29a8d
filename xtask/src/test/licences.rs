//! What the dependencies are allowed to be: cargo-deny with `deny.toml`.

use std::process::Command;

use super::Proof;
use crate::command;
use crate::failure::Outcome;
use crate::place;

/// Licences and sources; known vulnerabilities where the list of them can be reached.
pub fn check() -> Outcome<Proof> {
    if command::find("cargo-deny").is_none() {
        return Ok(Proof::Skipped(
            "cargo-deny is not installed (`cargo install cargo-deny --locked`)".into(),
        ));
    }
    let mut deny = Command::new("cargo");
    deny.current_dir(place::root()).args(["deny", "--workspace", "check", "bans", "licenses", "sources"]);
    command::run(&mut deny)?;
    Ok(Proof::Check)
}
