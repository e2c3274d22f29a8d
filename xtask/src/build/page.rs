//! The page: compiled by trunk, made smaller by wasm-opt, compressed beforehand.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{compress, stamp::Stamp};
use crate::command;
use crate::failure::{Doing, Failure, Outcome};
use crate::place;
use crate::report::{Done, doing};
use crate::setup::tools;

/// The features that the compiler uses for this target; wasm-opt has to be told.
const WASM_FEATURES: [&str; 6] = [
    "--enable-bulk-memory",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-multivalue",
    "--enable-sign-ext",
    "--enable-mutable-globals",
];

/// Builds the page into [`place::page`] where its source or its tools have changed.
pub fn build() -> Outcome<Done> {
    let page = place::page();
    let tools = tools::directories()?;
    let stamp = stamp(&tools)?;
    let stamp_file = page.join("page.stamp");
    if stamp.matches(&stamp_file) {
        return Ok(Done::AlreadyThere(told(&page)?));
    }
    let unfinished = page.with_extension("unfinished");
    doing("compiling the page with trunk");
    let mut trunk = Command::new("trunk");
    trunk.current_dir(place::root().join("frontend")).env("PATH", command::path_with(&tools)?);
    trunk.env("CARGO_TARGET_DIR", place::target()).env("TRUNK_BUILD_OFFLINE", "true");
    // trunk takes NO_COLOR=1, the way most programs are told, for an error.
    trunk.env_remove("NO_COLOR");
    trunk.args(["build", "--release", "--dist"]).arg(&unfinished);
    command::run(&mut trunk)?;
    for module in modules(&unfinished)? {
        doing("making it smaller with wasm-opt");
        let mut wasm_opt = Command::new("wasm-opt");
        wasm_opt.env("PATH", command::path_with(&tools)?).arg("-Oz").args(WASM_FEATURES);
        command::run(wasm_opt.arg(&module).arg("-o").arg(&module))?;
    }
    doing("compressing it");
    compress::directory(&unfinished)?;
    stamp.write(&unfinished.join("page.stamp"))?;
    if page.exists() {
        fs::remove_dir_all(&page).doing(format_args!("remove {}", page.display()))?;
    }
    fs::rename(&unfinished, &page).doing(format_args!("rename {}", unfinished.display()))?;
    Ok(Done::Made(told(&page)?))
}

fn told(page: &Path) -> Outcome<String> {
    let kilobytes = compress::transferred_bytes(page)?.div_ceil(1000);
    Ok(format!("{kilobytes} KB with brotli, in {}", page.display()))
}

fn stamp(tools: &[PathBuf]) -> Outcome<Stamp> {
    let root = place::root();
    let inputs = [
        "frontend/src",
        "frontend/static",
        "frontend/index.html",
        "frontend/Trunk.toml",
        "frontend/Cargo.toml",
        "shared/src",
        "shared/Cargo.toml",
        "Cargo.toml",
        "Cargo.lock",
    ];
    let inputs: Vec<PathBuf> = inputs.iter().map(|input| root.join(input)).collect();
    let compiler = command::capture(Command::new("rustc").arg("-vV"))?;
    let tools: Vec<String> = tools.iter().map(|tool| tool.display().to_string()).collect();
    let words: Vec<&str> =
        WASM_FEATURES.iter().copied().chain([&*compiler]).chain(tools.iter().map(|tool| &**tool)).collect();
    Stamp::of(&inputs, &words)
}

fn modules(directory: &Path) -> Outcome<Vec<PathBuf>> {
    let entries = fs::read_dir(directory).doing(format_args!("read {}", directory.display()))?;
    let modules: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "wasm"))
        .collect();
    if modules.is_empty() {
        return Err(Failure::new(format!("trunk left no .wasm in {}", directory.display())));
    }
    Ok(modules)
}
