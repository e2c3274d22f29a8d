//! Access tokens: JWTs that end after ten minutes and name their session, so that a sign-out ends them sooner.

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde::{Deserialize, Serialize};
use shared::{ErrorCode, Role, SessionId, UserId};
use time::OffsetDateTime;

use super::keys::Keys;
use super::{Credential, CurrentUser};
use crate::{AppError, error::AppResult};

/// Seconds that an access token lasts: short, because it cannot be taken back where the database is away.
pub const LIFETIME_S: u32 = 600;

/// Seconds that the clocks of two servers may differ.
const LEEWAY_S: u64 = 5;

const ALGORITHM: Algorithm = Algorithm::HS256;
const ISSUER: &str = "oriel";
const AUDIENCE: &str = "oriel-api";
/// Tells these tokens apart from every other JWT signed by this server (RFC 9068's word for it).
const TOKEN_TYPE: &str = "at+jwt";

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: UserId,
    sid: SessionId,
    role: Role,
    iat: i64,
    exp: i64,
}

/// Makes and checks access tokens.
pub(super) struct AccessTokens {
    header: Header,
    validation: Validation,
    encoding: EncodingKey,
    decoding: DecodingKey,
}

impl AccessTokens {
    pub(super) fn new(keys: &Keys) -> Self {
        let mut header = Header::new(ALGORITHM);
        header.typ = Some(TOKEN_TYPE.to_owned());
        let mut validation = Validation::new(ALGORITHM);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.leeway = LEEWAY_S;
        Self {
            header,
            validation,
            encoding: EncodingKey::from_secret(&keys.access_token),
            decoding: DecodingKey::from_secret(&keys.access_token),
        }
    }

    pub(super) fn issue(&self, user: UserId, role: Role, session: SessionId) -> AppResult<String> {
        let now = OffsetDateTime::now_utc().unix_timestamp();
        let claims = Claims {
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            sub: user,
            sid: session,
            role,
            iat: now,
            exp: now + i64::from(LIFETIME_S),
        };
        encode(&self.header, &claims, &self.encoding).map_err(AppError::internal)
    }

    /// Who a token speaks for, and its session. Whether that still lasts is not known here.
    pub(super) fn check(&self, token: &str) -> AppResult<(CurrentUser, SessionId)> {
        let refused = || {
            AppError::new(
                ErrorCode::Unauthenticated,
                "The access token is not valid, or no longer: refresh it or sign in again.",
            )
        };
        let data = decode::<Claims>(token, &self.decoding, &self.validation)
            .map_err(|error| refused().caused_by(error))?;
        if data.header.typ.as_deref() != Some(TOKEN_TYPE) {
            return Err(refused().caused_by("the token is of another type"));
        }
        let Claims { sub: id, role, sid, .. } = data.claims;
        Ok((CurrentUser { id, role, credential: Credential::Session(sid) }, sid))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn keys() -> Keys {
        Keys::derive(&"a secret for tests, long enough".to_owned().into())
    }

    fn claims(user: UserId, session: SessionId) -> Value {
        let now = OffsetDateTime::now_utc().unix_timestamp();
        json!({"iss": ISSUER, "aud": AUDIENCE, "sub": user, "sid": session, "role": "user", "iat": now, "exp": now + 60})
    }

    fn sign(header: &Header, claims: &Value) -> String {
        encode(header, claims, &EncodingKey::from_secret(&keys().access_token)).unwrap()
    }

    #[test]
    fn a_token_names_the_account_it_was_made_for() {
        let tokens = AccessTokens::new(&keys());
        let (user, session) = (UserId::new(), SessionId::new());
        let (read, read_session) = tokens.check(&tokens.issue(user, Role::User, session).unwrap()).unwrap();
        assert_eq!((read.id, read.role, read_session), (user, Role::User, session));
        assert_eq!(read.credential, Credential::Session(session));
    }

    #[test]
    fn a_token_with_another_type_issuer_audience_algorithm_or_end_is_refused() {
        let tokens = AccessTokens::new(&keys());
        let (user, session) = (UserId::new(), SessionId::new());
        let claims = || claims(user, session);
        let header = tokens.header.clone();
        assert!(tokens.check(&sign(&header, &claims())).is_ok());

        for (claim, value) in [
            ("iss", json!("somebody")),
            ("aud", json!("another-api")),
            ("exp", json!(OffsetDateTime::now_utc().unix_timestamp() - 60)),
            ("sub", Value::Null),
            ("sid", Value::Null),
            ("exp", Value::Null),
        ] {
            let mut wrong = claims();
            wrong[claim] = value.clone();
            let error = tokens.check(&sign(&header, &wrong)).unwrap_err();
            assert_eq!(error.code(), ErrorCode::Unauthenticated, "{claim}: {value}");
        }

        let plain = Header::new(ALGORITHM);
        assert!(tokens.check(&sign(&plain, &claims())).is_err());
        let mut other_algorithm = Header::new(Algorithm::HS512);
        other_algorithm.typ = header.typ.clone();
        assert!(tokens.check(&sign(&other_algorithm, &claims())).is_err());
    }

    #[test]
    fn a_token_of_another_key_is_refused() {
        let others = AccessTokens::new(&Keys::derive(&"another secret, long enough too".to_owned().into()));
        let token = others.issue(UserId::new(), Role::User, SessionId::new()).unwrap();
        assert!(AccessTokens::new(&keys()).check(&token).is_err());
    }
}
