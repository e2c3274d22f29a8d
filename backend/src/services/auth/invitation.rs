//! Invitations: signed, for one address, for a week. They need no table: an address can have one account only, so an
//! invitation cannot be used twice.

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde::{Deserialize, Serialize};
use shared::{ErrorCode, FieldError};
use time::OffsetDateTime;

use super::keys::Keys;
use crate::AppError;
use crate::error::AppResult;

/// Days that an invitation lasts: people read their mail on Monday.
pub const LIFETIME_DAYS: u32 = 7;

const ALGORITHM: Algorithm = Algorithm::HS256;

#[derive(Serialize, Deserialize)]
struct Claims {
    aud: String,
    sub: String,
    exp: i64,
}

/// Tells invitations apart from other tokens.
const AUDIENCE: &str = "oriel-invitation";

/// An invitation for an address in its normal form.
pub fn issue(keys: &Keys, email: &str) -> AppResult<String> {
    let lifetime_s = i64::from(LIFETIME_DAYS) * 24 * 3600;
    let claims = Claims {
        aud: AUDIENCE.to_owned(),
        sub: email.to_owned(),
        exp: OffsetDateTime::now_utc().unix_timestamp() + lifetime_s,
    };
    let key = EncodingKey::from_secret(&keys.invitation);
    encode(&Header::new(ALGORITHM), &claims, &key).map_err(AppError::internal)
}

/// Whether an invitation lets this address in.
pub(super) fn check(keys: &Keys, invitation: Option<&str>, email: &str) -> AppResult<()> {
    let refused = |message: &str| {
        let field = FieldError { field: "invitation".to_owned(), message: message.to_owned() };
        AppError::new(ErrorCode::RegistrationClosed, format!("The invitation {message}."))
            .with_fields(vec![field])
    };
    let Some(invitation) = invitation else {
        return Err(refused("is missing; ask the administrator for one"));
    };
    let mut validation = Validation::new(ALGORITHM);
    validation.set_audience(&[AUDIENCE]);
    validation.set_required_spec_claims(&["exp", "aud", "sub"]);
    let key = DecodingKey::from_secret(&keys.invitation);
    let data = decode::<Claims>(invitation.trim(), &key, &validation).map_err(|error| {
        refused("is not valid, or no longer; ask the administrator for a new one").caused_by(error)
    })?;
    if data.claims.sub != email {
        return Err(refused("is for another address"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invitation_lets_in_its_address_and_no_other() {
        let keys = Keys::derive(&"a secret for tests".to_owned().into());
        let others = Keys::derive(&"another secret".to_owned().into());
        let invitation = issue(&keys, "ada@example.org").unwrap();
        assert!(check(&keys, Some(&invitation), "ada@example.org").is_ok());
        assert!(check(&keys, Some(&invitation), "eve@example.org").is_err());
        assert!(check(&others, Some(&invitation), "ada@example.org").is_err());
        assert!(check(&keys, Some("nonsense"), "ada@example.org").is_err());
        assert!(check(&keys, None, "ada@example.org").is_err());
    }
}
