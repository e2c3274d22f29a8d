//! Generations whose owner died: taking them over. Whoever does so goes on with them.

use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Nullable, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use shared::GenerationId;
use uuid::Uuid;

use crate::schema::generations;
use crate::{GenerationRow, ReplicaId, Store, StoreError};

/// Taken over at a time: each may be a long prompt to read again.
const CLAIM_LIMIT: i64 = 64;

/// Of a process that is not `$1`, and whose lease is over.
const ORPHANED: &str = "g.owner <> $1 AND NOT EXISTS (
    SELECT FROM replicas r WHERE r.id = g.owner AND r.lease_until > now())";

/// What the dead have left, and to how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, QueryableByName)]
pub struct Orphans {
    /// Unfinished generations without an owner.
    #[diesel(sql_type = BigInt)]
    pub generations: i64,
    /// Processes that hold a lease, the one that asks included.
    #[diesel(sql_type = BigInt)]
    pub replicas: i64,
}

#[derive(QueryableByName)]
struct Claimed {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
}

/// What a claim does about rows that are locked.
#[derive(Clone, Copy)]
enum Locked {
    /// By others that claim, or by their owner's last write: the next claim finds them.
    Skip,
    /// By the last write of the process that was killed, which the database ends by itself; there is no next claim.
    Await,
}

fn claim_sql(condition: &str, locked: Locked) -> String {
    let skip = match locked {
        Locked::Skip => "SKIP LOCKED",
        Locked::Await => "",
    };
    format!(
        "UPDATE generations SET owner = $1, epoch = epoch + 1
         WHERE id IN (
             SELECT g.id FROM generations g
             WHERE g.status IN ('queued', 'running', 'stopping') AND {condition}
                 AND ($3 IS NULL OR g.id = ANY ($3))
             ORDER BY g.id LIMIT $2 FOR NO KEY UPDATE {skip})
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
        claim(&mut connection, me, i64::MAX, "g.owner = $1", Locked::Await, None).await
    }

    /// Takes over some of its own generations that no task of this process runs: the database had kept or claimed them,
    /// and its answer was lost.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn claim_forgotten_generations(
        &self,
        me: ReplicaId,
        ids: &[GenerationId],
    ) -> Result<Vec<GenerationRow>, StoreError> {
        let ids = ids.iter().copied().map(Uuid::from).collect();
        let mut connection = self.connection().await?;
        claim(&mut connection, me, CLAIM_LIMIT, "g.owner = $1", Locked::Skip, Some(ids)).await
    }

    /// Counts the generations of processes whose lease is over, and those that could take them over.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn orphans(&self, me: ReplicaId) -> Result<Orphans, StoreError> {
        let query = format!(
            "SELECT (SELECT count(*) FROM generations g
                    WHERE g.status IN ('queued', 'running', 'stopping') AND {ORPHANED}) AS generations,
                (SELECT count(*) FROM replicas WHERE lease_until > now() OR id = $1) AS replicas"
        );
        let query = diesel::sql_query(query).bind::<SqlUuid, _>(me.0);
        Ok(query.get_result(&mut *self.connection().await?).await?)
    }

    /// Takes over generations of processes whose lease is over: at most so many, and at most 64.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn claim_expired_generations(
        &self,
        me: ReplicaId,
        limit: i64,
    ) -> Result<Vec<GenerationRow>, StoreError> {
        let mut connection = self.connection().await?;
        claim(&mut connection, me, limit.min(CLAIM_LIMIT), ORPHANED, Locked::Skip, None).await
    }
}

async fn claim(
    connection: &mut AsyncPgConnection,
    me: ReplicaId,
    limit: i64,
    condition: &str,
    locked: Locked,
    among: Option<Vec<Uuid>>,
) -> Result<Vec<GenerationRow>, StoreError> {
    let claimed: Vec<Claimed> = diesel::sql_query(claim_sql(condition, locked))
        .bind::<SqlUuid, _>(me.0)
        .bind::<BigInt, _>(limit)
        .bind::<Nullable<Array<SqlUuid>>, _>(among)
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
