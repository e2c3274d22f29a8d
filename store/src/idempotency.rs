//! Keys that make requests repeatable: a repeat gets the answer of the first.
//!
//! ```text
//! (none) ──begin──→ held ──keep──→ answered
//!                    ↑ │
//!                    └─┘ released, or its holder is silent for [`HOLD_S`]: the next repeat holds it
//! ```
//!
//! What a key stands for may run twice when its holder died or was very slow: whoever uses this table must make
//! that harmless. The one thing that needs help is a new id, so each key has one, [`Begun::Run`].

use diesel::prelude::*;
use diesel::sql_types::{Binary, Integer, Nullable, SmallInt, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use shared::UserId;
use uuid::Uuid;

use crate::column::Sha256;
use crate::{Store, StoreError};

/// Seconds after which a request that is not answered may be run by a repeat: longer than any of ours takes while the
/// database answers. That server may have died.
pub const HOLD_S: i32 = 10;

/// How long an answer is kept, as SQL: clients try for minutes, a laptop may sleep over night.
pub(crate) const KEPT_FOR: &str = "interval '24 hours'";

/// A request with a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyedRequest {
    /// Whose key it is.
    pub user: UserId,
    /// What the client sent: 1 to 255 bytes.
    pub key: String,
    /// Of everything that makes two requests the same.
    pub sha256: Sha256,
    /// This very request, however often it is tried here.
    pub holder: Uuid,
}

/// An answer that was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The body; may be empty.
    pub body: String,
}

/// What is known of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begun {
    /// Nobody has answered it: run it, then [`Store::keep_answer`] or [`Store::release_key`].
    Run {
        /// The id for what the request makes. The same each time it is run.
        made_id: Uuid,
    },
    /// It was answered.
    Answered(KeptAnswer),
    /// Somebody runs it at this moment.
    Running,
    /// The key was used for another request.
    Other,
}

#[derive(QueryableByName)]
struct HeldRow {
    #[diesel(sql_type = SqlUuid)]
    made_id: Uuid,
}

#[derive(QueryableByName)]
struct KeyRow {
    #[diesel(sql_type = Binary)]
    request_sha256: Vec<u8>,
    #[diesel(sql_type = Nullable<SmallInt>)]
    status: Option<i16>,
    #[diesel(sql_type = Nullable<Text>)]
    body: Option<String>,
}

impl Store {
    /// Takes the key for this request, or tells what became of it.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn begin_request(&self, request: &KeyedRequest) -> Result<Begun, StoreError> {
        let mut connection = self.connection().await?;
        // One statement, so that of two that come together one runs and the other sees it.
        let held: Option<HeldRow> = diesel::sql_query(format!(
            "INSERT INTO idempotency_keys AS k (user_id, key, request_sha256, made_id, holder)
             VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (user_id, key) DO UPDATE
             SET holder = excluded.holder, held_since = now(), request_sha256 = excluded.request_sha256,
                 status = NULL, body = NULL,
                 made_id = CASE WHEN k.created_at < now() - {KEPT_FOR} THEN excluded.made_id ELSE k.made_id END,
                 created_at = CASE WHEN k.created_at < now() - {KEPT_FOR} THEN now() ELSE k.created_at END
             WHERE k.created_at < now() - {KEPT_FOR}
                OR (k.status IS NULL AND k.request_sha256 = excluded.request_sha256
                    AND (k.holder = excluded.holder OR k.held_since < now() - make_interval(secs => $6)))
             RETURNING made_id"
        ))
        .bind::<SqlUuid, _>(request.user.0)
        .bind::<Text, _>(&request.key)
        .bind::<Binary, _>(request.sha256.as_slice())
        .bind::<SqlUuid, _>(Uuid::now_v7())
        .bind::<SqlUuid, _>(request.holder)
        .bind::<Integer, _>(HOLD_S)
        .get_result(&mut connection)
        .await
        .optional()?;
        if let Some(HeldRow { made_id }) = held {
            return Ok(Begun::Run { made_id });
        }
        let row: Option<KeyRow> = diesel::sql_query(
            "SELECT request_sha256, status, body FROM idempotency_keys WHERE user_id = $1 AND key = $2",
        )
        .bind::<SqlUuid, _>(request.user.0)
        .bind::<Text, _>(&request.key)
        .get_result(&mut connection)
        .await
        .optional()?;
        Ok(match row {
            Some(row) if row.request_sha256 != request.sha256 => Begun::Other,
            Some(KeyRow { status: Some(status), body: Some(body), .. }) => {
                Begun::Answered(KeptAnswer { status: status.unsigned_abs(), body })
            }
            // Removed meanwhile by upkeep, or not answered yet: in both cases the next look tells more.
            _ => Begun::Running,
        })
    }

    /// Keeps the answer of a request that [was run](Begun::Run). Nothing happens where another one runs it by now.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn keep_answer(&self, request: &KeyedRequest, answer: &KeptAnswer) -> Result<(), StoreError> {
        let mut connection = self.connection().await?;
        diesel::sql_query(
            "UPDATE idempotency_keys SET status = $4, body = $5
             WHERE user_id = $1 AND key = $2 AND holder = $3 AND status IS NULL",
        )
        .bind::<SqlUuid, _>(request.user.0)
        .bind::<Text, _>(&request.key)
        .bind::<SqlUuid, _>(request.holder)
        .bind::<SmallInt, _>(i16::try_from(answer.status).unwrap_or(i16::MAX))
        .bind::<Text, _>(crate::storable(&answer.body))
        .execute(&mut connection)
        .await?;
        Ok(())
    }

    /// Lets the next repeat run the request at once: its answer is not worth keeping, or its client has left.
    ///
    /// # Errors
    /// Those of the database; the key is free after [`HOLD_S`] then.
    pub async fn release_key(&self, request: &KeyedRequest) -> Result<(), StoreError> {
        let mut connection = self.connection().await?;
        diesel::sql_query(
            "UPDATE idempotency_keys SET held_since = '-infinity'
             WHERE user_id = $1 AND key = $2 AND holder = $3 AND status IS NULL",
        )
        .bind::<SqlUuid, _>(request.user.0)
        .bind::<Text, _>(&request.key)
        .bind::<SqlUuid, _>(request.holder)
        .execute(&mut connection)
        .await?;
        Ok(())
    }
}
