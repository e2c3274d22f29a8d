//! The backend's command line: the settings of this environment, and what xtask knows better.

use std::process::Command;

use super::settings::{Settings, set};
use crate::failure::{Failure, Outcome};
use crate::place;

/// How to start `oriel`.
pub fn command(settings: &Settings) -> Outcome<Command> {
    let program = place::release_program("oriel");
    if !program.is_file() {
        return Err(Failure::new(format!(
            "{} is missing: build it with `cargo xtask build programs`",
            program.display()
        )));
    }
    let mut command = Command::new(program);
    command.arg("serve");
    command.env("DATA_DIR", &settings.data);
    command.env("MODEL_PATH", &settings.models);
    command.env("LISTEN_ADDR", settings.backend.to_string());
    if set("PUBLIC_URL").is_none() {
        command.env("PUBLIC_URL", settings.address());
    }
    // At a terminal a line for every request would hide what matters.
    if set("LOG_LEVEL").is_none() {
        command.env("LOG_LEVEL", "info,backend::middleware=warn");
    }
    command.envs(settings.environment.iter().map(|(name, value)| (name, value)));
    Ok(command)
}
