//! `cargo xtask figures streams`: what idle streams cost, and how long a token takes through the journal to its reader,
//! straight at the backend with the scripted engine. Let nothing else run.

use std::process::Command;
use std::sync::mpsc;

use super::first_child;
use crate::build::machine;
use crate::command;
use crate::failure::Outcome;
use crate::place;
use crate::stack::service::Service;
use crate::stack::{oriel, readiness};
use crate::test::browser::{Scratch, settings};

/// Answers at the same time, each with a reader.
const ANSWERS: &str = "300";

/// Builds what is needed, measures and prints.
pub fn streams() -> Outcome {
    for wanted in [["--package", "backend"], ["--package", "bench"], ["--bin", "oriel-engine-scripted"]] {
        let mut cargo = machine::cargo();
        command::run(cargo.current_dir(place::root()).args(["build", "--release"]).args(wanted))?;
    }
    let data = Scratch::new("streams")?;
    let mut settings = settings(&data.0)?;
    settings.models = data.0.join("scripted.gguf");
    let engine = place::release_program("oriel-engine-scripted");
    command::run(Command::new(&engine).arg("write-model").arg(&settings.models))?;
    settings.environment = [
        ("ENGINE_PATH", engine.display().to_string()),
        ("LOG_LEVEL", "warn".into()),
        ("SLOTS", ANSWERS.into()),
        // A hundred people make an account first.
        ("REGISTRATION", "open".into()),
        ("BCRYPT_COST", "10".into()),
    ]
    .into();
    for measurement in [["idle", "--streams", "10000"], ["load", "--streams", ANSWERS]] {
        let (sender, events) = mpsc::channel();
        let service = Service::start("oriel", oriel::command(&settings)?, sender)?;
        readiness::wait(settings.backend, "/readyz", &events)?;
        let mut bench = Command::new(place::release_program("oriel-bench"));
        bench.args(measurement).arg("--pid").arg(first_child(service.pid())?.to_string());
        bench.env("ORIEL_ADDRESS", format!("http://{}", settings.backend));
        let measured = command::capture(&mut bench);
        service.stop(crate::stack::ORIEL_STOP);
        println!("straight at the backend: {}", measured?);
    }
    Ok(())
}
