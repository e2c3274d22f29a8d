//! Accounts and sign-in.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::UserId;

/// What an account may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Role {
    /// Manages accounts, models and settings. The first account is one.
    Admin,
    /// Chats.
    User,
}

/// An account as its owner sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct User {
    /// The account's id.
    pub id: UserId,
    /// In lower case; what one signs in with.
    pub email: String,
    /// The name shown on the page.
    pub name: String,
    /// What the account may do.
    pub role: Role,
    /// When the account was made.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
}

/// `POST /api/auth/register`.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Registration {
    /// What one signs in with; case does not matter.
    pub email: String,
    /// The name shown on the page.
    pub name: String,
    /// 8 to 256 characters.
    pub password: String,
    /// Needed where registration is by invitation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invitation: Option<String>,
    /// The one-time token from the log: needed for the first account when Oriel is reached from another machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub setup_token: Option<String>,
}

/// `POST /api/auth/login`.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Login {
    /// The account's address; case does not matter.
    pub email: String,
    /// The account's password.
    pub password: String,
}

/// The answer to register, login and refresh. The refresh token travels beside it in a cookie.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Session {
    /// A JWT for `Authorization: Bearer`. Kept in memory only.
    pub access_token: String,
    /// Seconds until the access token ends.
    pub expires_in_s: u32,
    /// Who is signed in.
    pub user: User,
}

/// `PATCH /api/me`: what is missing stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UpdateMe {
    /// The name shown on the page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// `PUT /api/me/password`.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ChangePassword {
    /// The one of now.
    pub current_password: String,
    /// 8 to 256 characters.
    pub new_password: String,
    /// Revokes all API keys too: they count on otherwise.
    #[serde(default)]
    pub revoke_keys: bool,
}

/// What a new password has ended. The sign-in that asked for it goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PasswordChanged {
    /// Other sign-ins, which ended.
    pub sessions_ended: u32,
    /// API keys that were revoked.
    pub keys_revoked: u32,
    /// API keys that still count. Whoever changes a password because somebody knew it should revoke them.
    pub keys_left: u32,
}

/// Who may make an account after the first one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum RegistrationPolicy {
    /// Nobody.
    Closed,
    /// Whoever has an invitation.
    Invite,
    /// Everybody.
    Open,
}

/// `GET /api/auth/setup`: what the page must ask for before anybody is signed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SetupState {
    /// No account exists yet: the next one becomes administrator.
    pub first_run: bool,
    /// The first account needs the one-time token from the log.
    pub setup_token_required: bool,
    /// Who may register afterwards.
    pub registration: RegistrationPolicy,
}
