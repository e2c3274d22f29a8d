//! `cargo xtask up`: everything that is missing, then Oriel itself, until Ctrl-C.

use crate::build::{page, programs};
use crate::failure::Outcome;
use crate::report::{bold, say, step};
use crate::setup::{models, packages, tools, wasm_target};
use crate::stack::settings::{Settings, set};
use crate::stack::{Stack, lock};

/// Sets up, builds, runs.
pub fn up() -> Outcome {
    start(|| set_up().and_then(|()| build()))
}

/// Runs what was built last.
pub fn run() -> Outcome {
    start(|| Ok(()))
}

fn start(prepare: impl FnOnce() -> Outcome) -> Outcome {
    let settings = Settings::from_env()?;
    let _lock = lock::take(&settings.data, &settings.address())?;
    settings.check_ports()?;
    prepare()?;
    if set("MODEL_PATH").is_none() {
        step("starter model", || models::place_starter(&settings.models))?;
    }
    let mut stack = Stack::start(settings)?;
    say(&format!("\n  Oriel is at {}", bold(&stack.address())));
    say("  The first account made there is the administrator. Ctrl-C ends everything.\n");
    stack.keep()
}

/// What must be on the machine to build and run Oriel.
pub fn set_up() -> Outcome {
    let private_database = set("DATABASE_URL").is_none();
    let needs: Vec<&packages::Need> = packages::BUILD
        .iter()
        .chain(&packages::PAGE)
        .chain(packages::RUN.iter().filter(|need| private_database || !need.is_postgres()))
        .collect();
    step("system packages", || packages::install(&needs))?;
    set_up_page()
}

/// The tools that the page is built with.
pub fn set_up_page() -> Outcome {
    step("WebAssembly target", wasm_target::install)?;
    step("wasm-bindgen", tools::wasm_bindgen)?;
    step("trunk", tools::trunk)?;
    step("wasm-opt", tools::wasm_opt)
}

/// The page and the programs.
pub fn build() -> Outcome {
    step("page", page::build)?;
    step("programs", programs::build)
}
