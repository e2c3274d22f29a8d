//! The database: the one of DATABASE_URL, or a private PostgreSQL in the data directory.

use std::path::PathBuf;

use secrecy::ExposeSecret;
use store::{ClusterError, ClusterState, EmbeddedCluster, Store, StoreConfig, StoreError};
use tokio::sync::watch;

use crate::config::Config;

/// An open database with the tables of this version.
pub struct Database {
    store: Store,
    cluster: Option<EmbeddedCluster>,
}

/// Why there is no database.
#[derive(Debug, thiserror::Error)]
pub enum DatabaseError {
    /// The data directory cannot be made.
    #[error("the data directory {path} cannot be made: {cause}; set DATA_DIR to one that Oriel may write to")]
    DataDir {
        /// Which.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// The private PostgreSQL does not run.
    #[error("{0}")]
    Cluster(#[from] ClusterError),
    /// The database does not let us in.
    #[error("{0}; check DATABASE_URL, and that PostgreSQL runs")]
    Connect(#[source] StoreError),
    /// The tables cannot be made.
    #[error("the database could not be brought to this version: {0}")]
    Migrate(#[source] StoreError),
}

impl Database {
    /// Starts the private PostgreSQL where DATABASE_URL names no other, connects, and runs missing migrations.
    pub async fn open(config: &Config) -> Result<Self, DatabaseError> {
        std::fs::create_dir_all(&config.data_dir)
            .map_err(|cause| DatabaseError::DataDir { path: config.data_dir.clone(), cause })?;
        let (database_url, cluster) = match &config.database_url {
            Some(url) => (url.expose_secret().to_owned(), None),
            None => {
                let cluster = EmbeddedCluster::start(&config.data_dir).await?;
                (cluster.database_url(), Some(cluster))
            }
        };
        let max_connections = config.database_connections;
        let store = Store::connect(&StoreConfig { database_url, max_connections })
            .await
            .map_err(DatabaseError::Connect)?;
        let ran = store.migrate().await.map_err(DatabaseError::Migrate)?;
        if !ran.is_empty() {
            tracing::info!(count = ran.len(), "the database was brought to this version");
        }
        if let Some(cluster) = &cluster {
            tokio::spawn(tell_full(cluster.watch(), store.clone()));
        }
        Ok(Self { store, cluster })
    }

    /// The tables.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Closes all connections, then stops the private PostgreSQL if it was started here.
    pub async fn close(self) {
        self.store.close();
        if let Some(cluster) = self.cluster
            && let Err(error) = cluster.stop().await
        {
            tracing::warn!(%error, "the private PostgreSQL did not stop cleanly; the next start recovers it");
        }
    }
}

/// A PostgreSQL that does not start cannot tell its clients why; whoever starts it can. Ends with the cluster.
async fn tell_full(mut state: watch::Receiver<ClusterState>, store: Store) {
    while state.changed().await.is_ok() {
        if *state.borrow_and_update() == ClusterState::Full {
            store.told_full();
        }
    }
}
