//! What belongs to an installation and not to a request: its keys and the work of its password hashes.

use serde_json::json;
use shared::ErrorCode;
use store::Store;

use crate::AppError;
use crate::config::{Config, secret_key_file};
use crate::error::AppResult;
use crate::services::auth::keys::Keys;
use crate::services::auth::password;

/// The keys, checked against the fingerprint in the database: with others, nobody could sign in and every session
/// would end.
pub async fn open(config: &Config, store: &Store) -> AppResult<Keys> {
    let keys =
        Keys::load(config.secret_key.as_ref(), &secret_key_file(&config.data_dir)).map_err(|error| {
            let message = error.to_string();
            AppError::new(ErrorCode::Conflict, capitalised(&message))
        })?;
    let fingerprint = json!(keys.fingerprint());
    if store.agree_on_setting("secret_key_fingerprint", &fingerprint).await? == fingerprint {
        return Ok(keys);
    }
    let place = match config.secret_key {
        Some(_) => "SECRET_KEY".to_owned(),
        None => secret_key_file(&config.data_dir).display().to_string(),
    };
    Err(AppError::new(
        ErrorCode::Conflict,
        format!(
            "The secret key in {place} is not the one that this database was set up with, and no password would fit \
             any more. Put the first one back: the file `secret_key` of the data directory, or the same SECRET_KEY \
             as on the other servers."
        ),
    ))
}

/// The cost of password hashes: as set, or as measured on the first start. Kept, so that all hashes take the same
/// time: a sign-in with an unknown address could else be told by its duration.
pub async fn bcrypt_cost(config: &Config, store: &Store) -> AppResult<u32> {
    const SETTING: &str = "bcrypt_cost";
    if let Some(cost) = config.bcrypt_cost {
        return Ok(cost);
    }
    let measured = tokio::task::spawn_blocking(password::measure_cost).await.map_err(AppError::internal)?;
    let agreed = store.agree_on_setting(SETTING, &json!(measured)).await?;
    Ok(agreed.as_u64().and_then(|cost| u32::try_from(cost).ok()).unwrap_or(measured))
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}
