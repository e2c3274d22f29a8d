//! Tests that Cargo builds. Those of the servers share one selection of packages, so that everything below them is
//! compiled once; a part is a filter over it.

use std::process::{Command, Stdio};

use super::{Proof, count};
use crate::build::machine;
use crate::command;
use crate::failure::Outcome;
use crate::place;
use crate::report::{bold, say, step};
use crate::setup::{models, packages, tools};

/// The newest that this compiler builds.
const NEXTEST: &str = "0.9.143";

/// What needs no database.
pub fn unit() -> Outcome<Proof> {
    nextest("not (package(store) or package(backend) or binary_id(bench::compare))")
}

/// The store, on a real PostgreSQL.
pub fn store() -> Outcome<Proof> {
    set_up_database()?;
    nextest("package(store)")
}

/// The API, on a real PostgreSQL and with the scripted engine.
pub fn api() -> Outcome<Proof> {
    set_up_database()?;
    nextest("package(backend)")
}

/// The comparison of two servers, both with the scripted engine, on a real PostgreSQL.
pub fn bench() -> Outcome<Proof> {
    set_up_database()?;
    nextest("binary_id(bench::compare)")
}

/// The API on a PostgreSQL whose disk is full: a small file system of its own, where one may be mounted.
pub fn disk() -> Outcome<Proof> {
    if let Err(why) = try_to_mount() {
        let why =
            format!("a full disk cannot be made here ({why}): run it as root, outside of a closed container");
        say(&bold(&why));
        return Ok(Proof::Skipped(why));
    }
    set_up_database()?;
    nextest_with(&["--run-ignored", "only"], "package(backend) and test(full_disk)")
}

/// Mounts a file system in memory and takes it away again, or tells why not.
fn try_to_mount() -> Result<(), String> {
    let place = std::env::temp_dir().join(format!("oriel-mount-{}", std::process::id()));
    let run = |command: &mut Command| match command.output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        Err(error) => Err(error.to_string()),
    };
    std::fs::create_dir_all(&place).map_err(|error| error.to_string())?;
    let mounted = run(Command::new("mount").args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"]).arg(&place));
    let unmounted = mounted.and_then(|()| run(Command::new("umount").arg(&place)));
    let _ = std::fs::remove_dir(&place);
    unmounted
}

/// llama.cpp's worker with real models; in release only, or llama.cpp would be compiled twice.
pub fn engine() -> Outcome<Proof> {
    step("system packages", || packages::install(&packages::BUILD.iter().collect::<Vec<_>>()))?;
    step("starter model", || models::fetch(&models::STARTER))?;
    step("second model", || models::fetch(&models::SECOND))?;
    let selection = ["--release", "--package", "engine-llama"];
    let mut clippy = machine::cargo();
    clippy.current_dir(place::root()).arg("clippy").args(selection);
    command::run(clippy.args(["--all-targets", "--", "-D", "warnings"]))?;
    let mut test = machine::cargo();
    test.current_dir(place::root()).arg("test").args(selection);
    test.env("ORIEL_TEST_MODELS", place::models()?);
    count::run(&mut test)
}

fn set_up_database() -> Outcome {
    step("system packages", || packages::install(&packages::RUN.iter().collect::<Vec<_>>()))
}

fn nextest(filter: &str) -> Outcome<Proof> {
    nextest_with(&[], filter)
}

fn nextest_with(arguments: &[&str], filter: &str) -> Outcome<Proof> {
    if command::find("cargo-nextest").is_none() {
        step("nextest", || tools::cargo_tool("cargo-nextest", "cargo-nextest", NEXTEST, &["--locked"]))?;
    }
    let mut cargo = machine::cargo();
    cargo.current_dir(place::root());
    cargo.env("PATH", command::path_with(&[place::tool("cargo-nextest", NEXTEST)?.join("bin")])?);
    // Built with the engine's own tests, which belong to the same selection.
    cargo.env("ORIEL_SCRIPTED_WORKER", place::target().join("debug/oriel-engine-scripted"));
    cargo.args(["nextest", "run", "--workspace", "--exclude", "engine-llama"]);
    cargo.args(["--no-fail-fast", "--filterset", filter]).args(arguments);
    count::run(cargo.stdin(Stdio::null()))
}
