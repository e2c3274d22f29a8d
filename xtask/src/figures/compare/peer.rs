//! llama.cpp's own server, as a package of the Python registry carries it: measured here, part of nothing that is
//! shipped.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command;
use crate::failure::Outcome;
use crate::place;
use crate::report::{Done, doing};
use crate::setup::python;

const XLLAMACPP: &str = "2026.10.11549";

/// Fetches it.
pub fn install() -> Outcome<Done> {
    let library = library()?;
    if library.is_dir() {
        return Ok(Done::AlreadyThere(XLLAMACPP.into()));
    }
    doing("fetching xllamacpp with pip");
    python::install("xllamacpp", XLLAMACPP, &library)?;
    Ok(Done::Made(XLLAMACPP.into()))
}

/// What it says it is.
pub fn about() -> Outcome<String> {
    command::capture(python()?.arg("--about"))
}

/// One to be started.
pub struct Peer<'a> {
    /// The file.
    pub model: &'a Path,
    /// Where it listens.
    pub port: u16,
    /// With which it computes.
    pub threads: &'a str,
    /// Answers at the same time.
    pub slots: &'a str,
    /// Tokens of each.
    pub context: &'a str,
}

impl Peer<'_> {
    /// How to reach it.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// How to start it; `unified` gives all slots one cache.
    pub fn command(&self, unified: bool) -> Outcome<Command> {
        let mut python = python()?;
        python.arg("--model").arg(self.model).args(["--port", &self.port.to_string()]);
        python.args(["--threads", self.threads, "--slots", self.slots, "--context", self.context]);
        if unified {
            python.arg("--kv-unified");
        }
        Ok(python)
    }
}

fn python() -> Outcome<Command> {
    let mut python = Command::new("python3");
    python.env("PYTHONPATH", library()?).env("PYTHONDONTWRITEBYTECODE", "1");
    python.arg(place::root().join("bench/peer/llama_server.py"));
    Ok(python)
}

fn library() -> Outcome<PathBuf> {
    place::tool("xllamacpp", XLLAMACPP)
}
