//! `oriel-bench`: measures a running Oriel from outside, by what the page and other programs use.
//!
//! `speed` chats as a person does: time to the first token and tokens per second. `compare` asks two servers of OpenAI's
//! API by turns and tells the ratios (docs/performance.md). `load` lets many read at once and tells how long each token
//! takes from the engine to its reader. `idle` opens thousands of streams on which nothing happens and tells what memory
//! they cost. The last two want a server over the scripted engine, which `cargo xtask figures streams` starts for them.

mod compare;
mod crowd;
mod event_stream;
mod failure;
mod idle;
mod load;
mod person;
mod process;
mod speed;

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

/// Measures a running Oriel.
#[derive(Debug, Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    measurement: Measurement,
}

#[derive(Debug, Subcommand)]
enum Measurement {
    /// First token and tokens per second, as a reader sees them.
    Speed(speed::Options),
    /// The delay of each token on its way from the engine to its reader, with many readers at once.
    Load(load::Options),
    /// Two servers of OpenAI's API, measured by turns.
    Compare(Box<compare::Options>),
    /// The memory that streams take on which nothing happens.
    Idle(idle::Options),
}

/// Where the server is and which model it shall use.
#[derive(Clone, Debug, Args)]
pub struct Target {
    /// The page's address.
    #[arg(long, env = "ORIEL_ADDRESS", default_value = "http://localhost:8080")]
    pub address: String,
    /// The model; the server's default one where this is missing.
    #[arg(long)]
    pub model: Option<String>,
}

#[tokio::main]
async fn main() -> ExitCode {
    let measured = match Cli::parse().measurement {
        Measurement::Speed(options) => speed::measure(&options).await.map(|figures| figures.to_string()),
        Measurement::Load(options) => load::measure(&options).await.map(|figures| figures.to_string()),
        Measurement::Compare(options) => compare::measure(&options).await,
        Measurement::Idle(options) => idle::measure(&options).await.map(|figures| figures.to_string()),
    };
    match measured {
        Ok(figures) => {
            println!("{figures}");
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("oriel-bench: {failure}");
            ExitCode::FAILURE
        }
    }
}
