//! The house's floors (ARCHITECTURE.md): what Cargo's manifests promise is read from Cargo, what they cannot say is
//! looked for in the source.

use std::process::Command;

use super::{Proof, sources};
use crate::command;
use crate::failure::{Failure, Outcome};
use crate::place;
use crate::report::step;
use crate::setup::wasm_target;

/// A crate, and the crates that it must not list.
const FORBIDDEN: [(&str, &[&str]); 7] = [
    (
        "backend",
        &["diesel", "diesel-async", "tokio-postgres", "llama-cpp-2", "llama-cpp-sys-2", "engine-llama"],
    ),
    ("engine", &["serde_json", "actix-web", "reqwest", "diesel", "tokio-postgres", "shared", "store"]),
    ("engine-llama", &["actix-web", "diesel", "reqwest", "shared", "store", "serde_json"]),
    ("store", &["actix-web", "engine", "reqwest", "llama-cpp-2"]),
    ("shared", &["tokio", "actix-web", "diesel", "engine", "reqwest"]),
    ("chaos", &["backend", "diesel", "diesel-async", "actix-web", "llama-cpp-2"]),
    ("frontend", &["engine", "store", "backend", "tokio", "diesel", "reqwest"]),
];

/// A word of the source, where it may stand, and why nowhere else.
const ROOMS: [(&str, &str, &[&str], &str); 3] = [
    (
        "backend/src",
        "actix",
        &[
            "backend/src/app",
            "backend/src/request",
            "backend/src/routes",
            "backend/src/middleware",
            "backend/src/error",
            "backend/src/main.rs",
        ],
        "services know no HTTP",
    ),
    ("backend/src", "env::var", &["backend/src/config"], "only the configuration reads the environment"),
    ("frontend/src", "gloo_net", &["frontend/src/api"], "only api fetches"),
];

/// Looks at all of it and tells every breach.
pub fn check() -> Outcome<Proof> {
    let mut breaches = Vec::new();
    for (package, forbidden) in FORBIDDEN {
        let listed = dependencies(package)?;
        breaches.extend(
            forbidden
                .iter()
                .filter(|name| listed.iter().any(|it| it == *name))
                .map(|name| format!("{package} lists {name}")),
        );
    }
    for (directory, word, rooms, why) in ROOMS {
        breaches.extend(
            sources::lines(directory)?
                .into_iter()
                .filter(|line| {
                    line.text.contains(word) && !rooms.iter().any(|room| line.file.starts_with(room))
                })
                .map(|line| format!("{}:{}: {why}: {}", line.file, line.number, line.text.trim())),
        );
    }
    if !breaches.is_empty() {
        return Err(Failure::new(format!("the floors are breached:\n  {}", breaches.join("\n  "))));
    }
    step("WebAssembly target", wasm_target::install)?;
    let mut wasm = Command::new("cargo");
    wasm.current_dir(place::root()).args(["check", "--package", "shared", "--target", wasm_target::TARGET]);
    command::run(&mut wasm)?;
    Ok(Proof::Check)
}

/// The crates that a manifest lists, those for its tests apart.
fn dependencies(package: &str) -> Outcome<Vec<String>> {
    let mut cargo = Command::new("cargo");
    cargo.current_dir(place::root());
    cargo.args(["tree", "--package", package, "--edges", "normal,build", "--depth", "1"]);
    cargo.args(["--prefix", "none", "--format", "{p}", "--target", "all"]);
    let tree = command::capture(&mut cargo)?;
    Ok(tree.lines().skip(1).filter_map(|line| line.split(' ').next()).map(str::to_owned).collect())
}
