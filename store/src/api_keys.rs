//! API keys. Only hashes of their secrets are stored, and a secret is looked for by its hash.

use std::time::Duration;

use diesel::dsl::now;
use diesel::prelude::*;
use diesel::sql_types::Bool;
use diesel_async::{AsyncConnection, RunQueryDsl};
use shared::{ApiKey, ApiKeyId, Role, UserId};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::column::{Sha256, Word, storable};
use crate::schema::{api_keys, users};
use crate::{Store, StoreError};

/// The key has not ended.
const LASTS: &str = "(revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now()))";

/// A use is noted at most once a minute: a program that asks all the time must not write all the time.
const USE_IS_NEWS: &str = "coalesce(last_used_at < now() - interval '1 minute', true)";

/// The same for keys as for sessions: longer than any replica may be behind.
const END_TOLD: &str = "(revoked_at > now() - interval '15 minutes'
    OR (expires_at <= now() AND expires_at > now() - interval '15 minutes'))";

/// A key without its hash.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = api_keys, check_for_backend(diesel::pg::Pg))]
pub struct ApiKeyRow {
    /// The key's id.
    #[diesel(deserialize_as = Uuid)]
    pub id: ApiKeyId,
    /// What it is for.
    pub name: String,
    /// The beginning of the secret.
    pub prefix: String,
    /// When it was made.
    pub created_at: OffsetDateTime,
    /// When it was last used, to about a minute.
    pub last_used_at: Option<OffsetDateTime>,
    /// When it ends by itself.
    pub expires_at: Option<OffsetDateTime>,
}

impl From<ApiKeyRow> for ApiKey {
    fn from(row: ApiKeyRow) -> Self {
        Self {
            id: row.id,
            name: row.name,
            prefix: row.prefix,
            created_at: row.created_at,
            last_used_at: row.last_used_at,
            expires_at: row.expires_at,
            expired: row.expires_at.is_some_and(|end| end <= OffsetDateTime::now_utc()),
        }
    }
}

/// A key to make.
#[derive(Clone, Debug)]
pub struct NewApiKey {
    /// Whose it is.
    pub user_id: UserId,
    /// What it is for.
    pub name: String,
    /// The beginning of the secret.
    pub prefix: String,
    /// The hash of the secret.
    pub key_sha256: Sha256,
    /// It ends by itself after this time; none: never.
    pub lifetime: Option<Duration>,
}

/// Who a key speaks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyHolder {
    /// The key.
    pub key_id: ApiKeyId,
    /// Whose it is.
    pub user_id: UserId,
    /// What its owner may do.
    pub role: Role,
}

impl Store {
    /// Makes a key; none where its owner has `most` already.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn create_api_key(
        &self,
        new: &NewApiKey,
        most: usize,
    ) -> Result<Option<ApiKeyRow>, StoreError> {
        self.connection()
            .await?
            .transaction(async |connection| {
                // Two that are made at once may both be the last one: the bound is about order, not about safety.
                let held: i64 = api_keys::table
                    .filter(api_keys::user_id.eq(new.user_id.0).and(api_keys::revoked_at.is_null()))
                    .count()
                    .get_result(connection)
                    .await?;
                if usize::try_from(held).unwrap_or(usize::MAX) >= most {
                    return Ok(None);
                }
                let row = diesel::insert_into(api_keys::table)
                    .values((
                        api_keys::id.eq(ApiKeyId::new().0),
                        api_keys::user_id.eq(new.user_id.0),
                        api_keys::name.eq(storable(&new.name)),
                        api_keys::prefix.eq(&new.prefix),
                        api_keys::key_sha256.eq(new.key_sha256.as_slice()),
                        api_keys::expires_at
                            .eq(new.lifetime.map(|lifetime| OffsetDateTime::now_utc() + lifetime)),
                    ))
                    .returning(ApiKeyRow::as_returning())
                    .get_result(connection)
                    .await?;
                Ok(Some(row))
            })
            .await
    }

    /// The keys of a person, newest first; those that ended by themselves too, the revoked ones not.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn api_keys(&self, user: UserId) -> Result<Vec<ApiKeyRow>, StoreError> {
        let mut connection = self.connection().await?;
        Ok(api_keys::table
            .filter(api_keys::user_id.eq(user.0).and(api_keys::revoked_at.is_null()))
            .order(api_keys::id.desc())
            .select(ApiKeyRow::as_select())
            .load(&mut connection)
            .await?)
    }

    /// Ends a key of a person at once.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where they have no such key.
    pub async fn revoke_api_key(&self, user: UserId, key: ApiKeyId) -> Result<(), StoreError> {
        let mut connection = self.connection().await?;
        let ended = diesel::update(api_keys::table.find(key.0))
            .filter(api_keys::user_id.eq(user.0).and(api_keys::revoked_at.is_null()))
            .set(api_keys::revoked_at.eq(now))
            .execute(&mut connection)
            .await?;
        if ended == 0 { Err(StoreError::NotFound) } else { Ok(()) }
    }

    /// Who the key with this hash speaks for, and notes its use; none where it is unknown or has ended, or its owner's
    /// account is deactivated.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn use_api_key(&self, key_sha256: &Sha256) -> Result<Option<KeyHolder>, StoreError> {
        let mut connection = self.connection().await?;
        let found: Option<(Uuid, Uuid, Word<Role>, bool)> = api_keys::table
            .inner_join(users::table)
            .filter(api_keys::key_sha256.eq(key_sha256.as_slice()))
            .filter(diesel::dsl::sql::<Bool>(LASTS))
            .filter(users::active)
            .select((api_keys::id, users::id, users::role, diesel::dsl::sql::<Bool>(USE_IS_NEWS)))
            .first(&mut connection)
            .await
            .optional()?;
        let Some((key, user, Word(role), is_news)) = found else { return Ok(None) };
        if is_news {
            // A database that cannot write, because its disk is full, must not make the key useless.
            let _ = diesel::update(api_keys::table.find(key))
                .filter(diesel::dsl::sql::<Bool>(USE_IS_NEWS))
                .set(api_keys::last_used_at.eq(now))
                .execute(&mut connection)
                .await;
        }
        Ok(Some(KeyHolder { key_id: ApiKeyId(key), user_id: UserId(user), role }))
    }

    /// Keys that ended in the last quarter of an hour: streams may still be open that were asked for with them.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn recently_ended_api_keys(&self) -> Result<Vec<ApiKeyId>, StoreError> {
        let mut connection = self.connection().await?;
        let ids: Vec<Uuid> = api_keys::table
            .filter(diesel::dsl::sql::<Bool>(END_TOLD))
            .select(api_keys::id)
            .load(&mut connection)
            .await?;
        Ok(ids.into_iter().map(ApiKeyId).collect())
    }
}
