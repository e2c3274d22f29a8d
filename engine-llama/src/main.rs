//! `oriel-engine`: the process that holds one model and answers with it.
//!
//! The pool of the `engine` crate starts `oriel-engine worker` and speaks to it over standard input and output;
//! all other commands are for people.

mod bench;
mod tune;

use std::env;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use engine_llama::{containment, kernels, load, log};

/// Runs one language model for Oriel.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serves the server that started it over standard input and output; not for people.
    Worker,
    /// Measures a model on this machine.
    Bench(bench::Options),
    /// Shows which threads, attention and passes suit a model on this machine.
    Tune(tune::Options),
    /// Prints the version, and which kernels compute on this machine.
    Version,
}

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Worker => worker(),
        Command::Bench(options) => bench::run(options),
        Command::Tune(options) => tune::run(options, &log::start("off", false)),
        Command::Version => version(),
    }
}

fn version() -> ExitCode {
    println!("oriel-engine {}", env!("CARGO_PKG_VERSION"));
    println!("kernels of ggml: {}", kernels::ggml());
    match kernels::register() {
        Ok(name) => {
            let choices = [kernels::available(), vec![kernels::OFF]].concat().join(", ");
            println!(
                "kernels of its own: {} ({} chooses of {choices})",
                name.unwrap_or("none"),
                kernels::VARIABLE
            );
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("oriel-engine version: {error}");
            ExitCode::FAILURE
        }
    }
}

fn worker() -> ExitCode {
    let filter = env::var("LOG_LEVEL").unwrap_or_else(|_| "info".to_owned());
    let json = env::var("LOG_FORMAT").is_ok_and(|format| format == "json");
    let log = log::start(&filter, json);
    engine::worker::run(containment::enter, |request, progress| load::load(request, progress, &log))
}
