//! The tools that turn the page's Rust into what a browser loads, each in the one version that fits, in the private
//! directory `<cache>/tools/<name>-<version>`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command;
use crate::failure::{Doing, Outcome};
use crate::place;
use crate::report::{Done, doing};

/// Later ones ask for a newer compiler.
const TRUNK: &str = "0.21.14";
/// The same as the library's in `Cargo.toml`: the two speak a private language.
const WASM_BINDGEN: &str = "0.2.130";
/// Carries `wasm-opt`; Debian's own is too old to read what this compiler writes.
const BINARYEN: &str = "132";

/// A tool runs for a second at a time, so an optimised one would not earn the minutes that it takes to compile.
const QUICKLY_COMPILED: [(&str, &str); 3] = [
    ("CARGO_PROFILE_RELEASE_LTO", "off"),
    ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16"),
    ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1"),
];

/// Builds the page.
pub fn trunk() -> Outcome<Done> {
    // Its dependencies are held at its authors' versions: newer ones do not compile together.
    cargo_tool("trunk", "trunk", TRUNK, &["--locked"])
}

/// Writes the JavaScript beside the WebAssembly, and runs its tests.
pub fn wasm_bindgen() -> Outcome<Done> {
    cargo_tool("wasm-bindgen", "wasm-bindgen-cli", WASM_BINDGEN, &[])
}

/// Makes WebAssembly smaller.
pub fn wasm_opt() -> Outcome<Done> {
    let version = format!("{BINARYEN}.0.0");
    let directory = place::tool("binaryen", BINARYEN)?;
    if directory.join("node_modules/.bin/wasm-opt").is_file() {
        return Ok(Done::AlreadyThere(version));
    }
    doing("fetching binaryen with npm");
    in_fresh_directory(&directory, |directory| {
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-save", "--no-audit", "--no-fund", "--loglevel=error", "--prefix"]);
        command::run_quietly(npm.arg(directory).arg(format!("binaryen@{version}")))
    })?;
    Ok(Done::Made(version))
}

/// The directories of the three tools, to be put on PATH.
pub fn directories() -> Outcome<Vec<PathBuf>> {
    Ok(vec![
        place::tool("trunk", TRUNK)?.join("bin"),
        place::tool("wasm-bindgen", WASM_BINDGEN)?.join("bin"),
        place::tool("binaryen", BINARYEN)?.join("node_modules/.bin"),
    ])
}

/// Installs a program of the crates registry, compiled here.
pub fn cargo_tool(program: &str, package: &str, version: &str, options: &[&str]) -> Outcome<Done> {
    let directory = place::tool(program, version)?;
    if directory.join("bin").join(program).is_file() {
        return Ok(Done::AlreadyThere(version.into()));
    }
    doing(&format!("compiling {package} {version}: some minutes, once"));
    in_fresh_directory(&directory, |directory| {
        let mut cargo = Command::new("cargo");
        cargo
            .args(["install", package, "--version", version])
            .args(options)
            .arg("--root")
            .arg(directory)
            .envs(QUICKLY_COMPILED);
        // Beside our own build, so that an interrupted one can go on.
        command::run(cargo.env("CARGO_TARGET_DIR", place::target().join("tools")))
    })?;
    Ok(Done::Made(version.into()))
}

/// Fills a directory under a temporary name, so that one that exists is whole.
pub fn in_fresh_directory(directory: &Path, fill: impl FnOnce(&Path) -> Outcome) -> Outcome {
    let unfinished = directory.with_extension("unfinished");
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished).doing(format_args!("remove {}", unfinished.display()))?;
    }
    fs::create_dir_all(&unfinished).doing(format_args!("make {}", unfinished.display()))?;
    fill(&unfinished)?;
    fs::rename(&unfinished, directory)
        .doing(format_args!("rename {} to its final name", unfinished.display()))
}
