//! The command line: `oriel`, `oriel serve`, `oriel migrate`, `oriel user …`.

mod user;

use clap::{Parser, Subcommand};

use crate::AppError;
use crate::app::{App, Database, DatabaseError, StartError, logging};
use crate::config::{Config, ConfigError};

/// A private chat with models that run on your own machine.
///
/// Settings are environment variables; .env.example describes all of them.
#[derive(Debug, Parser)]
#[command(name = "oriel", version, propagate_version = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server (the default).
    Serve,
    /// Bring the database to this version's tables, and end.
    Migrate,
    /// Manage accounts.
    #[command(subcommand)]
    User(user::UserCommand),
}

/// Why a command failed, for the person who typed it.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The settings are wrong.
    #[error("{0}")]
    Config(#[from] ConfigError),
    /// The server could not start.
    #[error("{0}")]
    Start(#[from] StartError),
    /// The database could not be reached.
    #[error("{0}")]
    Database(#[from] DatabaseError),
    /// The command could not be done.
    #[error("{}", with_cause(.0))]
    App(#[from] AppError),
    /// What was typed is not usable.
    #[error("{0}")]
    Input(String),
    /// Standard input or output failed.
    #[error("{0}")]
    Io(#[from] std::io::Error),
}

/// Whoever types commands owns the server: they see the cause too.
fn with_cause(error: &AppError) -> String {
    match error.cause_chain() {
        Some(cause) => format!("{error} ({cause})"),
        None => error.to_string(),
    }
}

impl Cli {
    /// Does what was typed. Needs a multi-thread tokio runtime.
    pub async fn run(self) -> Result<(), CliError> {
        let config = Config::from_env()?;
        logging::start(&config);
        logging::log_panics();
        match self.command.unwrap_or(Command::Serve) {
            Command::Serve => Ok(App::start(config).await?.serve().await?),
            Command::Migrate => migrate(&config).await,
            Command::User(command) => command.run(&config).await,
        }
    }
}

async fn migrate(config: &Config) -> Result<(), CliError> {
    let database = Database::open(config).await?;
    database.close().await;
    println!("The database is up to date.");
    Ok(())
}
