//! The journal's partitions: one for each day. Made a week ahead, and dropped as a whole once the day is past
//! and its generations have ended. Chunks are never deleted row by row.

use diesel::prelude::*;
use diesel::sql_types::{Bool, Integer, Text};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use time::OffsetDateTime;

use crate::{Store, StoreError};

/// Partitions ahead of today. Upkeep makes them every hour; it may fail for this long before an answer cannot
/// begin.
const DAYS_AHEAD: i32 = 7;

/// Past days that are kept, so that a reader that was away for a night can go on from its cursor.
const DAYS_KEPT: i32 = 2;

/// Waiting for the lock of a partition longer would make the writers queue behind the wait.
const LOCK_TIMEOUT: &str = "SET lock_timeout = '2s'";

/// Serialises servers that maintain the partitions at the same moment.
const LOCK: i64 = 0x4f_7269_656d;

const SECONDS_A_DAY: i64 = 86_400;

/// The day of a generation that begins now: days since 1970-01-01.
pub(crate) fn current_bucket() -> i32 {
    let day = OffsetDateTime::now_utc().unix_timestamp().div_euclid(SECONDS_A_DAY);
    i32::try_from(day).unwrap_or(i32::MAX)
}

#[derive(QueryableByName)]
struct Partition {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Integer)]
    bucket: i32,
    #[diesel(sql_type = Bool)]
    attached: bool,
    #[diesel(sql_type = Bool)]
    detaching: bool,
    #[diesel(sql_type = Bool)]
    in_use: bool,
}

/// Tables by name, since one whose attachment or removal was cut short has no parent.
const PARTITIONS: &str = "
    SELECT t.relname::text AS name, b.bucket, i.inhrelid IS NOT NULL AS attached,
        coalesce(i.inhdetachpending, false) AS detaching,
        EXISTS (SELECT FROM generations g
            WHERE g.bucket = b.bucket AND g.status IN ('queued', 'running', 'stopping')) AS in_use
    FROM pg_class t
    CROSS JOIN LATERAL (SELECT substring(t.relname FROM '[0-9]+$')::int AS bucket) b
    LEFT JOIN pg_inherits i ON i.inhrelid = t.oid
    WHERE t.relnamespace = current_schema()::regnamespace AND t.relkind = 'r'
        AND t.relname ~ '^generation_chunks_[0-9]{1,9}$'
    ORDER BY b.bucket";

impl Store {
    /// Makes the partitions of today and the coming days where they are missing.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn create_partitions(&self) -> Result<(), StoreError> {
        let today = current_bucket();
        self.connection()
            .await?
            .transaction(async |connection| {
                diesel::sql_query(format!("SELECT pg_advisory_xact_lock({LOCK})"))
                    .execute(connection)
                    .await?;
                let existing = partitions(connection).await?;
                // Yesterday's too: a server whose clock is behind may still begin there.
                for bucket in today - 1..=today + DAYS_AHEAD {
                    if existing.iter().any(|partition| partition.bucket == bucket && partition.attached) {
                        continue;
                    }
                    // Attaching takes a weaker lock on the journal than creating a table as its partition.
                    connection
                        .batch_execute(&format!(
                            "CREATE TABLE IF NOT EXISTS generation_chunks_{bucket}
                                 (LIKE generation_chunks INCLUDING ALL);
                             ALTER TABLE generation_chunks
                                 ATTACH PARTITION generation_chunks_{bucket} FOR VALUES IN ({bucket})"
                        ))
                        .await?;
                }
                Ok(())
            })
            .await
    }

    /// Drops the partitions of past days whose generations have all ended. Tells how many.
    ///
    /// # Errors
    /// Those of the database; what was not dropped is dropped the next time.
    pub(crate) async fn drop_partitions(&self) -> Result<usize, StoreError> {
        let oldest_kept = current_bucket() - DAYS_KEPT;
        // Its own connection: the lock timeout must not stay with one of the pool, and a concurrent detach
        // waits for all transactions that can still see the partition, which takes as long as it takes.
        let mut connection = self.unlimited_connection().await?;
        connection.batch_execute(LOCK_TIMEOUT).await?;
        diesel::sql_query(format!("SELECT pg_advisory_lock({LOCK})")).execute(&mut connection).await?;
        let mut dropped = 0;
        for partition in partitions(&mut connection).await? {
            if partition.bucket >= oldest_kept || partition.in_use {
                continue;
            }
            let name = &partition.name;
            if partition.attached {
                let how = if partition.detaching { "FINALIZE" } else { "CONCURRENTLY" };
                let detach = format!("ALTER TABLE generation_chunks DETACH PARTITION {name} {how}");
                diesel::sql_query(detach).execute(&mut connection).await?;
            }
            diesel::sql_query(format!("DROP TABLE {name}")).execute(&mut connection).await?;
            dropped += 1;
        }
        Ok(dropped)
    }
}

async fn partitions(connection: &mut AsyncPgConnection) -> QueryResult<Vec<Partition>> {
    diesel::sql_query(PARTITIONS).load(connection).await
}
