//! Formatting and clippy.

use super::Proof;
use crate::build::machine;
use crate::command;
use crate::failure::Outcome;
use crate::place;
use crate::report::step;
use crate::setup::{packages, wasm_target};

/// Everything is formatted.
pub fn fmt() -> Outcome<Proof> {
    let mut cargo = machine::cargo();
    command::run(cargo.current_dir(place::root()).args(["fmt", "--all", "--check"]))?;
    Ok(Proof::Check)
}

/// Clippy over everything but llama.cpp's worker, which is built in release only (part `engine`).
pub fn clippy() -> Outcome<Proof> {
    // libFuzzer is C++, and compiled so that the fuzz targets are looked at too.
    step("system packages", || packages::install(&packages::BUILD.iter().collect::<Vec<_>>()))?;
    let mut cargo = machine::cargo();
    cargo.current_dir(place::root()).args(["clippy", "--workspace", "--all-targets"]);
    cargo.args(["--features", "fuzz/libfuzzer"]);
    cargo.args(["--exclude", "engine-llama", "--", "-D", "warnings"]);
    command::run(&mut cargo)?;
    Ok(Proof::Check)
}

/// Clippy over the page as the browser gets it: what is for WebAssembly only is seen nowhere else.
pub fn page() -> Outcome<Proof> {
    step("WebAssembly target", wasm_target::install)?;
    let mut cargo = machine::cargo();
    cargo.current_dir(place::root()).args([
        "clippy",
        "--package",
        "frontend",
        "--target",
        wasm_target::TARGET,
    ]);
    command::run(cargo.args(["--lib", "--bins", "--test", "components", "--", "-D", "warnings"]))?;
    Ok(Proof::Check)
}
