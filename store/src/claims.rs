//! Generations whose owner died: taking them over, and ending them with what they have.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use shared::{ApiError, FinishReason, Message};
use uuid::Uuid;

use crate::schema::generations;
use crate::{Ending, GenerationRow, GenerationStatus, ReplicaId, Store, StoreError};

/// Taken over at a time: each may be a long prompt to read again.
const CLAIM_LIMIT: i64 = 64;

#[derive(QueryableByName)]
struct Claimed {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
}

/// Rows that somebody else is claiming at the moment are skipped. A writer that was halted inside its
/// transaction holds its rows at most until the server ends that transaction.
fn claim_sql(condition: &str) -> String {
    format!(
        "UPDATE generations SET owner = $1, epoch = epoch + 1
         WHERE id IN (
             SELECT g.id FROM generations g
             WHERE g.status IN ('queued', 'running', 'stopping') AND {condition}
             ORDER BY g.id LIMIT $2 FOR UPDATE SKIP LOCKED)
         RETURNING id"
    )
}

impl Store {
    /// Takes over what an earlier process with the same id left behind. Only at start, before anything is
    /// begun under this id.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn claim_own_generations(&self, me: ReplicaId) -> Result<Vec<GenerationRow>, StoreError> {
        let mut connection = self.connection().await?;
        claim(&mut connection, me, i64::MAX, "g.owner = $1").await
    }

    /// Takes over generations of processes whose lease is over, some at a time.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn claim_expired_generations(&self, me: ReplicaId) -> Result<Vec<GenerationRow>, StoreError> {
        let mut connection = self.connection().await?;
        let condition = "g.owner <> $1 AND NOT EXISTS (
            SELECT FROM replicas r WHERE r.id = g.owner AND r.lease_until > now())";
        claim(&mut connection, me, CLAIM_LIMIT, condition).await
    }

    /// Ends a generation that was taken over: as stopped where somebody had asked for that, otherwise as
    /// failed with `error`. Its text so far is kept. Gives the message, or none where another process was
    /// faster.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn end_claimed_generation(
        &self,
        generation: &GenerationRow,
        error: &ApiError,
    ) -> Result<Option<Message>, StoreError> {
        let ending = match generation.status {
            GenerationStatus::Stopping => Ending::Finished(FinishReason::Stopped),
            _ => Ending::Failed(error.clone()),
        };
        self.finish_generation(generation.claim(), &ending, None).await
    }
}

async fn claim(
    connection: &mut AsyncPgConnection,
    me: ReplicaId,
    limit: i64,
    condition: &str,
) -> Result<Vec<GenerationRow>, StoreError> {
    let claimed: Vec<Claimed> = diesel::sql_query(claim_sql(condition))
        .bind::<SqlUuid, _>(me.0)
        .bind::<BigInt, _>(limit)
        .load(connection)
        .await?;
    let ids: Vec<Uuid> = claimed.into_iter().map(|row| row.id).collect();
    Ok(generations::table
        .filter(generations::id.eq_any(ids))
        .filter(generations::owner.eq(me.0))
        .order(generations::id)
        .select(GenerationRow::as_select())
        .load(connection)
        .await?)
}
