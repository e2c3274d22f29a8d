//! A new password, and what ends with the old one.

use diesel::dsl::now;
use diesel::prelude::*;
use diesel_async::{AsyncConnection, RunQueryDsl};
use shared::{ApiKeyId, SessionId, UserId};
use uuid::Uuid;

use crate::schema::{api_keys, sessions, users};
use crate::{Store, StoreError};

/// What stays valid when a password changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The sign-in that asked for it.
    pub session: Option<SessionId>,
    /// The API keys.
    pub api_keys: bool,
}

impl Kept {
    /// Nothing: whoever had the old password, or made something with it, is out.
    pub const NOTHING: Self = Self { session: None, api_keys: false };
}

/// What was ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// Sign-ins.
    pub sessions: Vec<SessionId>,
    /// API keys.
    pub api_keys: Vec<ApiKeyId>,
}

impl Store {
    /// Sets a new password and ends everything that is not kept, in one step.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where there is no such account.
    pub async fn set_password(
        &self,
        id: UserId,
        password_hash: &str,
        kept: Kept,
    ) -> Result<Ended, StoreError> {
        self.connection()
            .await?
            .transaction(async |connection| {
                let changed = diesel::update(users::table.find(id.0))
                    .set((users::password_hash.eq(password_hash), users::updated_at.eq(now)))
                    .execute(connection)
                    .await?;
                if changed == 0 {
                    return Err(StoreError::NotFound);
                }
                let kept_session = kept.session.map_or(Uuid::nil(), |session| session.0);
                let of_sessions = diesel::update(sessions::table)
                    .filter(sessions::user_id.eq(id.0).and(sessions::revoked_at.is_null()))
                    .filter(sessions::id.ne(kept_session))
                    .set(sessions::revoked_at.eq(now))
                    .returning(sessions::id);
                let ended: Vec<Uuid> = of_sessions.get_results(connection).await?;
                let sessions = ended.into_iter().map(SessionId).collect();
                if kept.api_keys {
                    return Ok(Ended { sessions, api_keys: Vec::new() });
                }
                let of_keys = diesel::update(api_keys::table)
                    .filter(api_keys::user_id.eq(id.0).and(api_keys::revoked_at.is_null()))
                    .set(api_keys::revoked_at.eq(now))
                    .returning(api_keys::id);
                let ended: Vec<Uuid> = of_keys.get_results(connection).await?;
                Ok(Ended { sessions, api_keys: ended.into_iter().map(ApiKeyId).collect() })
            })
            .await
    }
}
