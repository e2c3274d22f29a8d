//! API keys: what programs show instead of an access token.
//!
//! A secret is 43 random letters and digits, 256 bits, behind a prefix that tells people and scanners what it is. The
//! database has its plain SHA-256: there is nothing to guess that a slow hash would protect, no two secrets are the same
//! so that a salt would tell them apart, and a hash that is always the same can be looked for. What the time of that
//! search tells is about hashes of secrets that one would have to know already. A key is looked up for every request, so
//! its end counts at once and on every server; only streams that are open already wait for `revocation`.
//!
//! A right key is never throttled: nobody guesses one, and a program with an old key must not hold up others behind the
//! same address. Wrong ones are, as wrong passwords are.

use std::time::Duration;

use rand::distr::{Alphanumeric, SampleString};
use sha2::{Digest, Sha256};
use shared::{ApiKey, ApiKeyId, ApiKeyMade, CreateApiKey, ErrorCode, FieldError, UserId, limits};
use store::NewApiKey;

use super::{Auth, Caller, Credential, CurrentUser, throttle};
use crate::AppError;
use crate::error::AppResult;
use crate::services::absence::absent;

/// At the beginning of every secret.
const PREFIX: &str = "sk-or-";
/// 62^43 is a little over 2^256.
const RANDOM_CHARS: usize = 43;
/// Characters that are kept to recognise a key by: enough to tell one's own keys apart, and 24 of its 256 bits.
const SHOWN_CHARS: usize = PREFIX.len() + 4;

const DAY: Duration = Duration::from_secs(24 * 3600);

/// The secret of a key.
pub(super) struct Secret(String);

impl Secret {
    /// Whether a bearer token is meant to be an API key, a right one or not.
    pub(super) fn is_meant(token: &str) -> bool {
        token.starts_with(PREFIX)
    }

    fn random() -> Self {
        Self(PREFIX.to_owned() + &Alphanumeric.sample_string(&mut rand::rng(), RANDOM_CHARS))
    }

    /// None where a token cannot be one of ours.
    fn parse(token: &str) -> Option<Self> {
        let random = token.strip_prefix(PREFIX)?;
        let fits = random.len() == RANDOM_CHARS && random.bytes().all(|byte| byte.is_ascii_alphanumeric());
        fits.then(|| Self(token.to_owned()))
    }

    /// What the database knows it by.
    fn sha256(&self) -> [u8; 32] {
        Sha256::digest(&self.0).into()
    }

    fn shown(&self) -> String {
        self.0.chars().take(SHOWN_CHARS).collect()
    }
}

impl Auth {
    /// The keys of a person, newest first.
    pub async fn api_keys(&self, user: UserId) -> AppResult<Vec<ApiKey>> {
        Ok(self.store.api_keys(user).await?.into_iter().map(ApiKey::from).collect())
    }

    /// Makes a key.
    ///
    /// # Errors
    /// `invalid_fields`, or `conflict` where the person has as many keys as one may have.
    pub async fn make_api_key(&self, user: UserId, wanted: CreateApiKey) -> AppResult<ApiKeyMade> {
        let name = check(&wanted)?;
        let secret = Secret::random();
        let new = NewApiKey {
            user_id: user,
            name,
            prefix: secret.shown(),
            key_sha256: secret.sha256(),
            lifetime: wanted.expires_in_days.map(|days| DAY * days),
        };
        let Some(row) = self.store.create_api_key(&new, limits::API_KEYS_MAX_COUNT).await? else {
            return Err(AppError::new(
                ErrorCode::Conflict,
                format!(
                    "You have {} keys, the most one can have. Revoke one first.",
                    limits::API_KEYS_MAX_COUNT
                ),
            ));
        };
        Ok(ApiKeyMade { key: row.into(), secret: secret.0 })
    }

    /// Ends a key at once, and its open streams within seconds.
    pub async fn revoke_api_key(&self, user: UserId, key: ApiKeyId) -> AppResult<()> {
        self.store.revoke_api_key(user, key).await.map_err(absent("API key"))?;
        self.revocations.add(Credential::Key(key));
        Ok(())
    }

    pub(super) async fn authenticate_key(&self, token: &str, caller: &Caller) -> AppResult<CurrentUser> {
        let holder = match Secret::parse(token) {
            Some(secret) => self.store.use_api_key(&secret.sha256()).await?,
            None => None,
        };
        let Some(holder) = holder else {
            throttle::wrong_key(&self.store, caller.address).await?;
            return Err(AppError::new(
                ErrorCode::Unauthenticated,
                "The API key is not valid, or no longer. Make a new one on the page, under “API keys”.",
            ));
        };
        Ok(CurrentUser { id: holder.user_id, role: holder.role, credential: Credential::Key(holder.key_id) })
    }
}

/// The name in its one form; all faults come together.
fn check(wanted: &CreateApiKey) -> AppResult<String> {
    let name = wanted.name.trim();
    let mut faults = Vec::new();
    let chars = name.chars().count();
    if !(1..=limits::API_KEY_NAME_MAX_CHARS).contains(&chars) || name.contains(char::is_control) {
        let most = limits::API_KEY_NAME_MAX_CHARS;
        let message = format!("must be one line of 1 to {most} characters, and has {chars}");
        faults.push(FieldError { field: "name".to_owned(), message });
    }
    if let Some(days) = wanted.expires_in_days
        && !(1..=limits::API_KEY_MAX_DAYS).contains(&days)
    {
        let message = format!("must be from 1 to {}, and is {days}", limits::API_KEY_MAX_DAYS);
        faults.push(FieldError { field: "expires_in_days".to_owned(), message });
    }
    if faults.is_empty() { Ok(name.to_owned()) } else { Err(AppError::fields(faults)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_new_each_time_and_read_back() {
        let secret = Secret::random();
        assert_ne!(secret.0, Secret::random().0);
        assert_eq!(Secret::parse(&secret.0).unwrap().sha256(), secret.sha256());
        assert!(secret.0.starts_with(&secret.shown()) && secret.shown().len() < 12);
    }

    #[test]
    fn what_cannot_be_a_secret_is_not_looked_for() {
        let short = format!("{PREFIX}{}", "a".repeat(RANDOM_CHARS - 1));
        let odd = format!("{PREFIX}{}-", "a".repeat(RANDOM_CHARS - 1));
        for text in ["", "sk-", PREFIX, &short, &odd, &"a".repeat(RANDOM_CHARS + PREFIX.len())] {
            assert!(Secret::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn a_key_needs_a_name_and_an_end_within_bounds() {
        let wanted = |name: &str, expires_in_days| CreateApiKey { name: name.to_owned(), expires_in_days };
        assert_eq!(check(&wanted(" laptop ", Some(30))).unwrap(), "laptop");
        let error = check(&wanted("\n", Some(0))).unwrap_err();
        let fields: Vec<&str> = error.body().fields.iter().map(|fault| fault.field.as_str()).collect();
        assert_eq!(fields, ["name", "expires_in_days"]);
    }
}
