//! This server process among others of the same database: an id that outlives restarts, and a lease that tells the
//! others that it lives.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use store::{Heart, Heartbeat, ReplicaId, Store, StoreError};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use uuid::Uuid;

/// A third of a lease: two heartbeats may be lost.
const HEARTBEAT_EVERY: Duration = Duration::from_secs(2);

/// The lease of this process. Its file stays locked as long as it exists.
pub struct Replica {
    id: ReplicaId,
    boot_id: Uuid,
    store: Store,
    lease: watch::Receiver<Lease>,
    heartbeat: JoinHandle<()>,
    _lock: File,
}

/// What the heartbeats have found so far.
#[derive(Clone, Copy, Debug)]
pub struct Lease {
    /// Since when no other process could take this one for dead.
    pub held_since: Option<Instant>,
    /// How many other processes live.
    pub others: u32,
    /// Another process has this one's id, and all that it owned.
    pub is_taken: bool,
}

/// Why this process has no identity.
#[derive(Debug, thiserror::Error)]
pub enum ReplicaError {
    /// Another process uses the same data directory.
    #[error(
        "another Oriel runs with the data directory {0}; stop it, or give this one a DATA_DIR and a LISTEN_ADDR of its own"
    )]
    Taken(PathBuf),
    /// The file cannot be used.
    #[error("{path} cannot be used: {cause}")]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// The database did not take the lease.
    #[error("{0}")]
    Store(#[from] StoreError),
}

impl Replica {
    /// Takes the id that is kept in `data_dir`, and its lease.
    pub async fn register(store: Store, data_dir: &Path) -> Result<Self, ReplicaError> {
        let (id, lock) = lock(data_dir)?;
        let boot_id = Uuid::now_v7();
        store.register_replica(id, boot_id).await?;
        let lease = Lease { held_since: Some(Instant::now()), others: 0, is_taken: false };
        let (sender, lease) = watch::channel(lease);
        let heartbeat = tokio::spawn(beat(store.heart(id, boot_id), id, sender));
        Ok(Self { id, boot_id, store, lease, heartbeat, _lock: lock })
    }

    /// The id under which this server owns answers.
    pub fn id(&self) -> ReplicaId {
        self.id
    }

    /// The lease as every heartbeat finds it.
    pub fn lease(&self) -> watch::Receiver<Lease> {
        self.lease.clone()
    }

    /// Returns when another process has taken this one's place.
    pub async fn taken(&self) {
        let mut lease = self.lease.clone();
        if lease.wait_for(|lease| lease.is_taken).await.is_err() {
            std::future::pending().await
        }
    }

    /// Gives the lease back, so that others need not wait for its end.
    pub async fn release(self) {
        self.heartbeat.abort();
        if let Err(error) = self.store.release_replica(self.id, self.boot_id).await {
            tracing::debug!(%error, "the lease was not given back; it ends by itself");
        }
    }
}

fn lock(data_dir: &Path) -> Result<(ReplicaId, File), ReplicaError> {
    let path = data_dir.join("replica_id");
    let failed = |cause| ReplicaError::File { path: path.clone(), cause };
    let mut file =
        OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(ReplicaError::Taken(data_dir.to_owned())),
        Err(TryLockError::Error(cause)) => return Err(failed(cause)),
    }
    let mut text = String::new();
    file.read_to_string(&mut text).map_err(failed)?;
    if let Ok(id) = Uuid::parse_str(text.trim()) {
        return Ok((ReplicaId(id), file));
    }
    let id = ReplicaId::new();
    file.rewind().and_then(|()| file.set_len(0)).map_err(failed)?;
    file.write_all(id.to_string().as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
    Ok((id, file))
}

async fn beat(mut heart: Heart, id: ReplicaId, lease: watch::Sender<Lease>) {
    let mut tick = tokio::time::interval(HEARTBEAT_EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        match heart.beat().await {
            Ok(Heartbeat { was_held, others }) => lease.send_modify(|lease| {
                let held_since = lease.held_since.filter(|_| was_held).unwrap_or_else(Instant::now);
                *lease = Lease { held_since: Some(held_since), others, is_taken: false };
            }),
            // The file lock excludes this, unless the directory was copied while a server ran.
            Err(StoreError::Conflict) => {
                tracing::error!(%id, "another process has taken this server's place; this one ends");
                return lease.send_modify(|lease| lease.is_taken = true);
            }
            Err(error) => {
                tracing::debug!(%error, "a heartbeat was lost");
                lease.send_modify(|lease| lease.held_since = None);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_processes_never_share_an_id_and_a_restart_keeps_it() {
        let dir = tempfile::tempdir().unwrap();
        let (id, held) = lock(dir.path()).unwrap();
        assert!(matches!(lock(dir.path()), Err(ReplicaError::Taken(_))));
        drop(held);
        assert_eq!(lock(dir.path()).unwrap().0, id);
    }
}
