//! Server processes and their leases, by the database's clock.

use std::fmt;
use std::time::Duration;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use shared::GenerationId;
use tokio::time::timeout;
use uuid::Uuid;

use crate::column::Word;
use crate::{GenerationStatus, Store, StoreError};

/// A server process, across its restarts: kept in its data directory.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReplicaId(pub Uuid);

impl ReplicaId {
    /// A new id.
    #[allow(clippy::new_without_default, reason = "two calls give two values; a default must not")]
    pub fn new() -> Self {
        Self(Uuid::now_v7())
    }
}

impl From<Uuid> for ReplicaId {
    fn from(value: Uuid) -> Self {
        Self(value)
    }
}

impl fmt::Display for ReplicaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for ReplicaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReplicaId({})", self.0)
    }
}

/// A lease in seconds: three heartbeats of two seconds may be missed before others take over.
pub const LEASE_S: u32 = 6;

/// A third of a lease: one that takes longer is given up, and there is time for others.
pub const BEAT_WITHIN: Duration = Duration::from_secs(2);

/// What a heartbeat found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    /// The lease had not ended before it was prolonged.
    pub was_held: bool,
    /// How many other processes hold theirs.
    pub others: u32,
}

/// Prolongs the lease of a process. On a connection of its own: however many queries wait for the pool, a heartbeat must
/// not wait behind them.
pub struct Heart {
    store: Store,
    id: ReplicaId,
    boot_id: Uuid,
    connection: Option<AsyncPgConnection>,
}

impl Heart {
    /// Prolongs the lease. By the clock of the moment, not of the transaction's begin: a database that was halted must
    /// not take a lease for held that was over meanwhile.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] where another process has taken its place; [`StoreError::Unavailable`] where the database
    /// takes longer than [`BEAT_WITHIN`].
    pub async fn beat(&mut self) -> Result<Heartbeat, StoreError> {
        let connection = self.connection.take();
        let beat = async {
            let mut connection = match connection {
                Some(connection) => connection,
                None => self.store.connection_apart("SET application_name = 'oriel heart'").await?,
            };
            let beat = beat(&mut connection, self.id, self.boot_id).await?;
            Ok::<_, StoreError>((connection, beat))
        };
        let (connection, beat) = timeout(BEAT_WITHIN, beat).await.map_err(StoreError::unavailable)??;
        self.connection = Some(connection);
        Ok(beat)
    }
}

async fn beat(
    connection: &mut AsyncPgConnection,
    id: ReplicaId,
    boot_id: Uuid,
) -> Result<Heartbeat, StoreError> {
    let beat: Option<Beat> = diesel::sql_query(format!(
        "WITH mine AS (
             SELECT id, lease_until > clock_timestamp() AS was_held FROM replicas
             WHERE id = $1 AND boot_id = $2 FOR UPDATE
         ), renewed AS (
             UPDATE replicas SET lease_until = clock_timestamp() + interval '{LEASE_S} seconds'
             FROM mine WHERE replicas.id = mine.id
         )
         SELECT was_held,
             (SELECT count(*) FROM replicas WHERE id <> $1 AND lease_until > clock_timestamp()) AS others
         FROM mine"
    ))
    .bind::<SqlUuid, _>(id.0)
    .bind::<SqlUuid, _>(boot_id)
    .get_result(connection)
    .await
    .optional()?;
    let Beat { was_held, others } = beat.ok_or(StoreError::Conflict)?;
    Ok(Heartbeat { was_held, others: u32::try_from(others).unwrap_or(u32::MAX) })
}

#[derive(QueryableByName)]
struct Beat {
    #[diesel(sql_type = Bool)]
    was_held: bool,
    #[diesel(sql_type = BigInt)]
    others: i64,
}

impl Store {
    /// Takes the place of any earlier process with this id, whose heartbeats are refused from now on.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn register_replica(&self, id: ReplicaId, boot_id: Uuid) -> Result<(), StoreError> {
        let mut connection = self.connection().await?;
        diesel::sql_query(format!(
            "INSERT INTO replicas (id, boot_id, lease_until)
             VALUES ($1, $2, now() + interval '{LEASE_S} seconds')
             ON CONFLICT (id) DO UPDATE SET boot_id = excluded.boot_id, lease_until = excluded.lease_until,
                 started_at = now()"
        ))
        .bind::<SqlUuid, _>(id.0)
        .bind::<SqlUuid, _>(boot_id)
        .execute(&mut connection)
        .await?;
        Ok(())
    }

    /// What keeps the lease of a process from now on.
    pub fn heart(&self, id: ReplicaId, boot_id: Uuid) -> Heart {
        Heart { store: self.clone(), id, boot_id, connection: None }
    }

    /// The answers of a server whose end was asked for and has not come yet.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn stopping_generations(&self, owner: ReplicaId) -> Result<Vec<GenerationId>, StoreError> {
        use crate::schema::generations;
        let ids: Vec<Uuid> = generations::table
            .filter(generations::owner.eq(owner.0))
            .filter(generations::status.eq(Word(GenerationStatus::Stopping)))
            .select(generations::id)
            .load(&mut *self.connection().await?)
            .await?;
        Ok(ids.into_iter().map(GenerationId).collect())
    }

    /// Ends the lease of a process that goes down on purpose, so that others need not wait.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn release_replica(&self, id: ReplicaId, boot_id: Uuid) -> Result<(), StoreError> {
        use crate::schema::replicas;
        let mut connection = self.connection().await?;
        diesel::update(replicas::table.find(id.0))
            .filter(replicas::boot_id.eq(boot_id))
            .set(replicas::lease_until.eq(diesel::dsl::now))
            .execute(&mut connection)
            .await?;
        Ok(())
    }
}
