//! `oriel-engine`: the process that holds one model and answers with it.
//!
//! The pool of the `engine` crate starts `oriel-engine worker` and speaks to it over standard input and output;
//! all other commands are for people.

use std::env;
use std::process::ExitCode;

use engine_llama::{load, log};

const HELP: &str = "\
oriel-engine: runs one language model for Oriel

  oriel-engine worker    serves the process that started it; not for people
  oriel-engine version   prints the version
";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["worker"] => worker(),
        ["version" | "--version"] => {
            println!("oriel-engine {}", env!("CARGO_PKG_VERSION"));
            ExitCode::SUCCESS
        }
        _ => {
            eprint!("{HELP}");
            ExitCode::from(2)
        }
    }
}

fn worker() -> ExitCode {
    let complaints = log::start(&env::var("LOG_LEVEL").unwrap_or_default());
    engine::worker::run(|request, progress| load::load(request, progress, &complaints))
}
