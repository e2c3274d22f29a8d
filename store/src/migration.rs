//! Brings the database to the tables that this program needs.

use diesel_async::{AsyncMigrationHarness, AsyncPgConnection, RunQueryDsl};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use crate::{Store, StoreError};

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("../migrations");

/// Any number, as long as nobody else locks it: two servers that start together migrate one after the other.
const LOCK: i64 = 0x4f_7269_656c;

impl Store {
    /// Runs the migrations that are missing, and makes the journal's partitions for the coming days. Tells
    /// the names of the migrations that ran.
    ///
    /// # Errors
    /// Those of the database; a migration that fails leaves nothing behind.
    pub async fn migrate(&self) -> Result<Vec<String>, StoreError> {
        let ran = self
            .with_harness(|harness| {
                let ran = harness.run_pending_migrations(MIGRATIONS)?;
                Ok(ran.iter().map(ToString::to_string).collect())
            })
            .await?;
        self.create_partitions().await?;
        Ok(ran)
    }

    /// Takes all migrations back, newest first, and everything that is stored with them.
    ///
    /// # Errors
    /// Those of the database.
    #[cfg(feature = "test-support")]
    pub async fn revert_migrations(&self) -> Result<Vec<String>, StoreError> {
        self.with_harness(|harness| {
            let reverted = harness.revert_all_migrations(MIGRATIONS)?;
            Ok(reverted.iter().map(ToString::to_string).collect())
        })
        .await
    }

    async fn with_harness<T, F>(&self, run: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut AsyncMigrationHarness<AsyncPgConnection>) -> diesel::migration::Result<T>,
        F: Send + 'static,
    {
        let mut connection = self.unlimited_connection().await?;
        diesel::sql_query(format!("SELECT pg_advisory_lock({LOCK})")).execute(&mut connection).await?;
        // The harness blocks its thread. The lock goes with the connection, at the end of the closure.
        tokio::task::spawn_blocking(move || run(&mut AsyncMigrationHarness::new(connection)))
            .await
            .map_err(StoreError::internal)?
            .map_err(StoreError::internal)
    }
}
