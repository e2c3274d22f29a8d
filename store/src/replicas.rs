//! Server processes and their leases, by the database's clock.

use std::fmt;

use diesel::prelude::*;
use diesel::sql_types::Uuid as SqlUuid;
use diesel_async::RunQueryDsl;
use uuid::Uuid;

use crate::{Store, StoreError};

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

    /// Prolongs the lease of a process.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] where another process has taken its place.
    pub async fn heartbeat(&self, id: ReplicaId, boot_id: Uuid) -> Result<(), StoreError> {
        let mut connection = self.connection().await?;
        let renewed = diesel::sql_query(format!(
            "UPDATE replicas SET lease_until = now() + interval '{LEASE_S} seconds'
             WHERE id = $1 AND boot_id = $2"
        ))
        .bind::<SqlUuid, _>(id.0)
        .bind::<SqlUuid, _>(boot_id)
        .execute(&mut connection)
        .await?;
        if renewed == 0 { Err(StoreError::Conflict) } else { Ok(()) }
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
