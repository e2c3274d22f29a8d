//! What an administrator does with accounts from the command line, without a running server.

use rand::RngExt;
use shared::ErrorCode;
use store::{Kept, Store, StoreError};

use super::identity::normalise_email;
use super::keys::Keys;
use super::password::{self, Passwords};
use crate::AppError;
use crate::error::AppResult;

/// Characters of a password that we make up: without those that are mistaken for each other.
const ALPHABET: &[u8] = b"abcdefghjkmnpqrstuvwxyz23456789";

/// 99 bits, in four groups of five.
const GROUPS: usize = 4;
const GROUP_CHARS: usize = 5;

/// Accounts, as an administrator sees them.
pub struct Accounts {
    store: Store,
    passwords: Passwords,
}

impl Accounts {
    /// Over the database.
    pub async fn open(store: Store, keys: &Keys, bcrypt_cost: u32) -> AppResult<Self> {
        Ok(Self { store, passwords: Passwords::new(keys, bcrypt_cost).await? })
    }

    /// Sets a password, `chosen` or made up, signs the account out everywhere and revokes its API keys: nobody resets a
    /// password of whom they trust everything that was made with it. Returns the password, and how many keys that were.
    pub async fn reset_password(&self, email: &str, chosen: Option<String>) -> AppResult<(String, usize)> {
        let email = normalise_email(email).map_err(|message| AppError::field("email", message))?;
        let user = match self.store.user_by_email(&email).await {
            Err(StoreError::NotFound) => {
                let message =
                    format!("There is no account {email}; `oriel user list` shows those that are there.");
                return Err(AppError::new(ErrorCode::NotFound, message));
            }
            other => other?,
        };
        if let Some(chosen) = &chosen {
            password::check_choice(chosen, &email).map_err(|message| AppError::field("password", message))?;
        }
        let password = chosen.unwrap_or_else(made_up);
        let hash = self.passwords.hash(&password).await?;
        let ended = self.store.set_password(user.id, &hash, Kept::NOTHING).await?;
        Ok((password, ended.api_keys.len()))
    }
}

fn made_up() -> String {
    let mut random = rand::rng();
    let mut group = || -> String {
        (0..GROUP_CHARS)
            .filter_map(|_| ALPHABET.get(random.random_range(0..ALPHABET.len())))
            .map(|byte| char::from(*byte))
            .collect()
    };
    let groups: Vec<String> = (0..GROUPS).map(|_| group()).collect();
    groups.join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_made_up_password_is_long_and_new_each_time() {
        let password = made_up();
        assert_eq!(password.len(), GROUPS * GROUP_CHARS + GROUPS - 1);
        assert_ne!(password, made_up());
        assert_eq!(password::check_choice(&password, "ada@example.org"), Ok(()));
    }
}
