//! API keys: what programs sign in with instead of a password.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::ApiKeyId;

/// A key as its owner sees it. The secret itself is shown once, in [`ApiKeyMade`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ApiKey {
    /// The key's id.
    pub id: ApiKeyId,
    /// What it is for.
    pub name: String,
    /// The beginning of the secret, to recognise it by.
    pub prefix: String,
    /// When it was made.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// When it was last used, to about a minute; none: never.
    #[serde(default, with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    pub last_used_at: Option<OffsetDateTime>,
    /// When it ends by itself; none: never.
    #[serde(default, with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<OffsetDateTime>,
    /// It has ended by itself, and can only be removed.
    pub expired: bool,
}

/// `POST /api/me/keys`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CreateApiKey {
    /// What it is for: 1 to [`crate::limits::API_KEY_NAME_MAX_CHARS`] characters.
    pub name: String,
    /// Days until it ends by itself, at most [`crate::limits::API_KEY_MAX_DAYS`]; never where this is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in_days: Option<u32>,
}

/// 201: the key was made. Only this answer ever has the secret.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ApiKeyMade {
    /// The key.
    pub key: ApiKey,
    /// For `Authorization: Bearer`.
    pub secret: String,
}
