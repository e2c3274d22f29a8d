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
/// Reads and writes model files.
const GGUF: &str = "0.19.0";

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

/// A file with the matrices of another one in Q8_0, below `directory`.
pub fn in_q8_0(model: &Path, directory: &Path) -> Outcome<PathBuf> {
    let library = place::tool("gguf", GGUF)?;
    if !library.is_dir() {
        doing("fetching gguf with pip");
        python::install("gguf", GGUF, &library)?;
    }
    let stem = model.file_stem().unwrap_or_default().to_string_lossy();
    let written = directory.join(format!("{stem}-Q8_0.gguf"));
    let mut python = Command::new("python3");
    python.env("PYTHONPATH", library).env("PYTHONDONTWRITEBYTECODE", "1");
    python.arg(place::root().join("bench/peer/requantise.py")).arg(model).arg(&written);
    command::run_quietly(&mut python)?;
    Ok(written)
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

    /// How to start it, with further words for its launcher.
    pub fn command(&self, more: &[String]) -> Outcome<Command> {
        let mut python = python()?;
        python.arg("--model").arg(self.model).args(["--port", &self.port.to_string()]);
        python.args(["--threads", self.threads, "--slots", self.slots, "--context", self.context]);
        python.args(more);
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
