//! `oriel-bench`: chats with an Oriel the way the page does, through nginx, and tells how quick it was: the time to the
//! first token and the tokens per second, as a reader sees them.

mod client;
mod failure;
mod figures;
mod run;

use std::process::ExitCode;

use clap::Parser;

/// Measures the answers of a running Oriel as a reader sees them.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Options {
    /// The page's address.
    #[arg(long, env = "ORIEL_ADDRESS", default_value = "http://localhost:8080")]
    pub address: String,
    /// The account to chat with. Where no account exists yet it is made.
    #[arg(long, default_value = "bench@example.org")]
    pub email: String,
    /// Its password.
    #[arg(long, env = "ORIEL_PASSWORD", hide_env_values = true)]
    pub password: String,
    /// The model; the server's default one where this is missing.
    #[arg(long)]
    pub model: Option<String>,
    /// What to say.
    #[arg(long, default_value = "Write a long story about a lighthouse keeper and the sea.")]
    pub prompt: String,
    /// How many chats at the same time.
    #[arg(long, default_value_t = 1)]
    pub readers: usize,
    /// How many rounds of them; the first one only warms up.
    #[arg(long, default_value_t = 4)]
    pub rounds: usize,
    /// Tokens of each answer.
    #[arg(long, default_value_t = 128)]
    pub max_tokens: u32,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run::run(&Options::parse()).await {
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
