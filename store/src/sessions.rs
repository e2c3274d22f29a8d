//! Sign-ins and their refresh tokens. A session is the family of the tokens that followed one another on one
//! device; only hashes of tokens are stored, so the caller computes a successor from the token that it was
//! shown.

use std::time::Duration;

use diesel::dsl::now;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Nullable};
use diesel_async::{AsyncConnection, RunQueryDsl};
use shared::{SessionId, UserId};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::column::{Sha256, storable};
use crate::schema::{refresh_tokens, sessions, users};
use crate::{Store, StoreError, UserRow};

/// Within this time after a rotation the old token still gives the same successor: two tabs, or an answer
/// that was lost, must not sign anybody out. In seconds, as SQL.
const GRACE: &str = "rotated_at > now() - interval '15 seconds'";

/// How long a revoked session is told to the replicas: longer than an access token lives (ten minutes).
const REVOCATION_TOLD: &str = "revoked_at > now() - interval '15 minutes'";

/// One sign-in.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = sessions, check_for_backend(diesel::pg::Pg))]
pub struct SessionRow {
    /// The session's id.
    #[diesel(deserialize_as = Uuid)]
    pub id: SessionId,
    /// Who signed in.
    #[diesel(deserialize_as = Uuid)]
    pub user_id: UserId,
    /// The browser's own description.
    pub user_agent: Option<String>,
    /// When they signed in.
    pub created_at: OffsetDateTime,
    /// When a token was last refreshed.
    pub last_used_at: OffsetDateTime,
    /// When it ends unless it is used.
    pub expires_at: OffsetDateTime,
    /// When it was ended.
    pub revoked_at: Option<OffsetDateTime>,
}

/// A sign-in to record.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// Who signs in.
    pub user_id: UserId,
    /// The hash of the first refresh token.
    pub token_sha256: Sha256,
    /// The browser's own description.
    pub user_agent: Option<String>,
    /// It ends when it was not used for this long.
    pub lifetime: Duration,
}

/// What became of a refresh token.
#[derive(Clone, Debug)]
pub enum Rotation {
    /// The successor counts from now on, or did already.
    Rotated {
        /// The session, prolonged.
        session: SessionRow,
        /// Who it belongs to.
        user: UserRow,
    },
    /// The token is unknown, or its session has ended, or its account is deactivated.
    Ended,
    /// The token was used up long ago: somebody has a copy. The session has been ended.
    Reused {
        /// Which.
        session_id: SessionId,
        /// Whose.
        user_id: UserId,
    },
}

impl Store {
    /// Records a sign-in.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn create_session(&self, new: &NewSession) -> Result<SessionRow, StoreError> {
        self.connection()
            .await?
            .transaction(async |connection| {
                let session = diesel::insert_into(sessions::table)
                    .values((
                        sessions::id.eq(SessionId::new().0),
                        sessions::user_id.eq(new.user_id.0),
                        sessions::user_agent.eq(new.user_agent.as_deref().map(storable)),
                        sessions::expires_at.eq(OffsetDateTime::now_utc() + new.lifetime),
                    ))
                    .returning(SessionRow::as_returning())
                    .get_result(connection)
                    .await?;
                diesel::insert_into(refresh_tokens::table)
                    .values((
                        refresh_tokens::token_sha256.eq(new.token_sha256.as_slice()),
                        refresh_tokens::session_id.eq(session.id.0),
                    ))
                    .execute(connection)
                    .await?;
                Ok(session)
            })
            .await
    }

    /// Exchanges a refresh token for its successor and prolongs the session.
    ///
    /// # Errors
    /// Those of the database; everything about the token is in [`Rotation`].
    pub async fn rotate_session(
        &self,
        presented: &Sha256,
        successor: &Sha256,
        lifetime: Duration,
    ) -> Result<Rotation, StoreError> {
        self.connection()
            .await?
            .transaction(async |connection| {
                // The session's row is what two rotations of one family queue for.
                let found: Option<(SessionRow, UserRow)> = refresh_tokens::table
                    .inner_join(sessions::table.inner_join(users::table))
                    .filter(refresh_tokens::token_sha256.eq(presented.as_slice()))
                    .filter(sessions::revoked_at.is_null().and(sessions::expires_at.gt(now)))
                    .filter(users::active)
                    .select((SessionRow::as_select(), UserRow::as_select()))
                    .first(connection)
                    .await
                    .optional()?;
                let Some((session, user)) = found else { return Ok(Rotation::Ended) };
                let locked: Option<Uuid> = sessions::table
                    .find(session.id.0)
                    .filter(sessions::revoked_at.is_null())
                    .select(sessions::id)
                    .for_update()
                    .first(connection)
                    .await
                    .optional()?;
                if locked.is_none() {
                    return Ok(Rotation::Ended);
                }
                let (rotated, in_grace): (bool, Option<bool>) = refresh_tokens::table
                    .find(presented.as_slice())
                    .select((
                        refresh_tokens::rotated_at.is_not_null(),
                        diesel::dsl::sql::<Nullable<Bool>>(GRACE),
                    ))
                    .first(connection)
                    .await?;
                if rotated && in_grace != Some(true) {
                    diesel::update(sessions::table.find(session.id.0))
                        .set(sessions::revoked_at.eq(now))
                        .execute(connection)
                        .await?;
                    return Ok(Rotation::Reused { session_id: session.id, user_id: session.user_id });
                }
                if !rotated {
                    diesel::update(refresh_tokens::table.find(presented.as_slice()))
                        .set(refresh_tokens::rotated_at.eq(now))
                        .execute(connection)
                        .await?;
                    diesel::insert_into(refresh_tokens::table)
                        .values((
                            refresh_tokens::token_sha256.eq(successor.as_slice()),
                            refresh_tokens::session_id.eq(session.id.0),
                        ))
                        .execute(connection)
                        .await?;
                }
                let session = diesel::update(sessions::table.find(session.id.0))
                    .set((
                        sessions::last_used_at.eq(now),
                        sessions::expires_at.eq(OffsetDateTime::now_utc() + lifetime),
                    ))
                    .returning(SessionRow::as_returning())
                    .get_result(connection)
                    .await?;
                Ok(Rotation::Rotated { session, user })
            })
            .await
    }

    /// Ends the session that a refresh token belongs to. Tells which, or none where the token is unknown.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn revoke_session_by_token(&self, token: &Sha256) -> Result<Option<SessionId>, StoreError> {
        let mut connection = self.connection().await?;
        let family = refresh_tokens::table
            .filter(refresh_tokens::token_sha256.eq(token.as_slice()))
            .select(refresh_tokens::session_id);
        let ended: Option<Uuid> = diesel::update(sessions::table)
            .filter(sessions::id.eq_any(family).and(sessions::revoked_at.is_null()))
            .set(sessions::revoked_at.eq(now))
            .returning(sessions::id)
            .get_result(&mut connection)
            .await
            .optional()?;
        Ok(ended.map(SessionId))
    }

    /// Ends one session of a person.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where they have no such session that goes on.
    pub async fn revoke_session(&self, user: UserId, session: SessionId) -> Result<(), StoreError> {
        let mut connection = self.connection().await?;
        let ended = diesel::update(sessions::table.find(session.0))
            .filter(sessions::user_id.eq(user.0).and(sessions::revoked_at.is_null()))
            .set(sessions::revoked_at.eq(now))
            .execute(&mut connection)
            .await?;
        if ended == 0 { Err(StoreError::NotFound) } else { Ok(()) }
    }

    /// The sessions of a person that go on, last used first.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn sessions(&self, user: UserId) -> Result<Vec<SessionRow>, StoreError> {
        let mut connection = self.connection().await?;
        Ok(sessions::table
            .filter(sessions::user_id.eq(user.0))
            .filter(sessions::revoked_at.is_null().and(sessions::expires_at.gt(now)))
            .order((sessions::last_used_at.desc(), sessions::id.desc()))
            .select(SessionRow::as_select())
            .load(&mut connection)
            .await?)
    }

    /// Sessions that were ended in the last quarter of an hour: their access tokens may still look valid.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn recently_revoked_sessions(&self) -> Result<Vec<SessionId>, StoreError> {
        let mut connection = self.connection().await?;
        let ids: Vec<Uuid> = sessions::table
            .filter(diesel::dsl::sql::<Bool>(REVOCATION_TOLD))
            .select(sessions::id)
            .load(&mut connection)
            .await?;
        Ok(ids.into_iter().map(SessionId).collect())
    }

    /// Whether a session goes on.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn session_is_active(&self, user: UserId, session: SessionId) -> Result<bool, StoreError> {
        let mut connection = self.connection().await?;
        let query = sessions::table
            .inner_join(users::table)
            .filter(sessions::id.eq(session.0).and(sessions::user_id.eq(user.0)))
            .filter(sessions::revoked_at.is_null().and(sessions::expires_at.gt(now)))
            .filter(users::active);
        Ok(diesel::select(diesel::dsl::exists(query)).get_result(&mut connection).await?)
    }
}
