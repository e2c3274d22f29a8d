//! `oriel user …`: accounts, for whoever has a shell on the server. No server needs to run.

use std::io::Read;

use clap::Subcommand;
use shared::Role;

use super::CliError;
use crate::app::{Database, secrets};
use crate::config::Config;
use crate::services::auth::accounts::Accounts;
use crate::services::auth::{identity, invitation};

#[derive(Debug, Subcommand)]
pub(super) enum UserCommand {
    /// Show all accounts.
    List,
    /// Give an account a new password, sign it out everywhere and revoke its API keys.
    ResetPassword {
        /// The account's address.
        email: String,
        /// Read the password from standard input instead of making one up.
        #[arg(long)]
        stdin: bool,
    },
    /// Print an invitation for an address, for REGISTRATION=invite.
    Invite {
        /// Whom to invite.
        email: String,
    },
}

impl UserCommand {
    pub(super) async fn run(self, config: &Config) -> Result<(), CliError> {
        let database = Database::open(config).await?;
        let done = self.run_on(config, &database).await;
        database.close().await;
        done
    }

    async fn run_on(self, config: &Config, database: &Database) -> Result<(), CliError> {
        let keys = secrets::open(config, database.store()).await?;
        match self {
            Self::List => list(database).await,
            Self::ResetPassword { email, stdin } => {
                let chosen = if stdin { Some(read_password()?) } else { None };
                let cost = secrets::bcrypt_cost(config, database.store()).await?;
                let accounts = Accounts::open(database.store().clone(), &keys, cost).await?;
                let (password, keys) = accounts.reset_password(&email, chosen).await?;
                println!("{email} is signed out everywhere; {keys} API keys were revoked.");
                if !stdin {
                    println!("New password: {password}");
                }
                Ok(())
            }
            Self::Invite { email } => {
                let email = identity::normalise_email(&email)
                    .map_err(|message| CliError::Input(format!("{email:?} {message}.")))?;
                println!("{}", invitation::issue(&keys, &email)?);
                eprintln!(
                    "For {email}, {} days. Enter it on the page under Sign up.",
                    invitation::LIFETIME_DAYS
                );
                Ok(())
            }
        }
    }
}

async fn list(database: &Database) -> Result<(), CliError> {
    let users = database.store().users().await.map_err(crate::AppError::from)?;
    if users.is_empty() {
        println!("There is no account yet.");
    }
    let widest = users.iter().map(|user| user.email.chars().count()).max().unwrap_or_default();
    for user in users {
        let role = match user.role {
            Role::Admin => "admin",
            Role::User => "user",
        };
        let state = if user.active { "" } else { "  (deactivated)" };
        println!("{:widest$}  {role:5}  {}  {}{state}", user.email, user.created_at.date(), user.name);
    }
    Ok(())
}

/// One line; what ends it does not belong to the password.
fn read_password() -> Result<String, CliError> {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    let password = text.lines().next().unwrap_or_default();
    if password.is_empty() {
        return Err(CliError::Input("standard input has no password: one line was expected".to_owned()));
    }
    Ok(password.to_owned())
}
