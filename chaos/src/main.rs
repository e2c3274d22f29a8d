//! `oriel-chaos`: the ledger test. Several servers on one database behind nginx, people who write down what they were
//! promised and shown before they use it, and everything killed at random instants; afterwards every promise is checked.
//!
//! `cargo xtask chaos` builds and runs it. What is promised: `docs/reliability.md`.

mod checks;
mod dice;
mod failure;
mod faults;
mod ledger;
mod options;
mod people;
#[cfg(test)]
mod planted;
mod proxy;
mod recovery;
mod report;
mod run;
mod stack;

use std::process::ExitCode;

use clap::Parser;

use options::Options;

#[tokio::main]
async fn main() -> ExitCode {
    match run::run(Options::parse()).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::FAILURE
        }
    }
}
