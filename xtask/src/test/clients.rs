//! What programs of other people meet: the libraries that they use, against `/v1` through nginx with a real model.

use std::path::PathBuf;
use std::process::Command;

use super::browser::{Scratch, settings};
use super::{Proof, count};
use crate::failure::Outcome;
use crate::place;
use crate::report::{Done, doing, step};
use crate::setup::{models, packages, python};
use crate::stack::Stack;

/// OpenAI's own client for Python.
const OPENAI: &str = "3.54.0";

/// Every client library that we know of.
pub fn clients() -> Outcome<Proof> {
    let needs: Vec<&packages::Need> =
        packages::BUILD.iter().chain(&packages::PAGE).chain(&packages::TEST).collect();
    step("system packages", || packages::install(&needs))?;
    crate::up::set_up()?;
    crate::up::build()?;
    step("starter model", || models::fetch(&models::STARTER))?;
    step("openai-python", openai)?;
    let data = Scratch::new("clients")?;
    let stack = Stack::start(settings(&data.0)?)?;
    let mut python = Command::new("python3");
    python.arg(place::root().join("e2e/clients/openai_python.py"));
    python.env("ORIEL_ADDRESS", stack.address()).env("PYTHONPATH", library()?);
    // A proxy of this machine has nothing to do with a server on loopback.
    python.env("NO_PROXY", "*").env("PYTHONDONTWRITEBYTECODE", "1");
    count::run(&mut python)
}

fn library() -> Outcome<PathBuf> {
    place::tool("openai-python", OPENAI)
}

fn openai() -> Outcome<Done> {
    let library = library()?;
    if library.is_dir() {
        return Ok(Done::AlreadyThere(OPENAI.into()));
    }
    doing("fetching openai with pip");
    python::install("openai", OPENAI, &library)?;
    Ok(Done::Made(OPENAI.into()))
}
