//! A real database for each test: cloned in a moment from a template that has all migrations, dropped at the
//! end.
//!
//! The cluster is the one that `ORIEL_TEST_DATABASE_URL` names (`cargo xtask test` sets it: the address of
//! any database of a cluster in which databases may be made), else one that the tests of this machine share,
//! under a lease.

mod shared_cluster;

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sha2::{Digest, Sha256};
use tokio_postgres::{Client, Config, NoTls};
use uuid::Uuid;

use crate::{Store, StoreConfig, partitions};

/// The variable that names a cluster for tests.
pub const CLUSTER_VARIABLE: &str = "ORIEL_TEST_DATABASE_URL";

/// Serialises the processes that make the template.
const TEMPLATE_LOCK: i64 = 0x4f_7269_656e;

/// Connections of one test. Many tests run at the same time.
const MAX_CONNECTIONS: usize = 8;

/// A database that a killed test has left is dropped after this long, by the next test that makes a template.
const STALE_AFTER: Duration = Duration::from_secs(60 * 60);

/// A database of one test. Dropping the value drops the database.
pub struct TestDatabase {
    store: Store,
    name: String,
    cluster: String,
}

impl TestDatabase {
    /// A new database with all tables and no rows.
    ///
    /// # Panics
    /// Where there is no cluster, with the reason: a test cannot go on.
    pub async fn create() -> Self {
        let cluster = cluster_url().await;
        let name = format!("oriel_test_{}_{}", unix_time().as_secs(), Uuid::now_v7().simple());
        let template = {
            let client = connect(&cluster).await;
            let template = ensure_template(&client, &cluster).await;
            execute(&client, &format!("CREATE DATABASE {name} TEMPLATE {template}")).await;
            template
        };
        tracing::debug!(name, template, "made a database");
        let config =
            StoreConfig { database_url: with_database(&cluster, &name), max_connections: MAX_CONNECTIONS };
        let store = Store::connect(&config).await.expect("connect to the new database");
        Self { store, name, cluster }
    }

    /// The store of the database.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The address of the database.
    pub fn url(&self) -> String {
        with_database(&self.cluster, &self.name)
    }

    /// A connection beside the store, to look at rows and to play tricks on it.
    ///
    /// # Panics
    /// Where the database does not let us in.
    pub async fn client(&self) -> Client {
        connect(&self.url()).await
    }

    /// A connection to another database of the same cluster, to take this one away with, and the name of this one.
    ///
    /// # Panics
    /// Where the cluster does not let us in.
    pub async fn administrator(&self) -> (Client, String) {
        (connect(&self.cluster).await, self.name.clone())
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        self.store.close();
        let (cluster, name) = (self.cluster.clone(), self.name.clone());
        // A thread with a runtime of its own: this one may be going down, or be in the middle of a panic.
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                let Ok((client, connection)) = tokio_postgres::connect(&cluster, NoTls).await else {
                    return Ok(());
                };
                tokio::spawn(connection);
                let drop = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
                client.batch_execute(&drop).await.map_err(std::io::Error::other)
            })
        });
        if !matches!(dropping.join(), Ok(Ok(()))) {
            eprintln!("the database {} was not dropped; a later run does it", self.name);
        }
    }
}

async fn cluster_url() -> String {
    match std::env::var(CLUSTER_VARIABLE) {
        Ok(url) => url,
        Err(_) => shared_cluster::url().await.unwrap_or_else(|error| panic!("{error}")),
    }
}

/// Makes the template of this version unless it is there, and tells its name. The name has the migrations'
/// hash and the day, since the journal's partitions are made for some days ahead.
async fn ensure_template(client: &Client, cluster: &str) -> String {
    let name = format!("oriel_template_{}_{}", migrations_hash(), partitions::current_bucket());
    let ready = "SELECT 1 FROM pg_database WHERE datname = $1 AND NOT datallowconn";
    if client.query_opt(ready, &[&name]).await.expect("look for the template").is_some() {
        return name;
    }
    execute(client, &format!("SELECT pg_advisory_lock({TEMPLATE_LOCK})")).await;
    if client.query_opt(ready, &[&name]).await.expect("look for the template").is_none() {
        drop_stale(client).await;
        execute(client, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await;
        execute(client, &format!("CREATE DATABASE {name}")).await;
        let store = Store::connect(&StoreConfig::new(with_database(cluster, &name)))
            .await
            .expect("connect to the template");
        store.migrate().await.expect("migrate the template");
        store.close();
        // Nobody can connect any more, so that it can always be cloned.
        execute(client, &format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false")).await;
        let leave = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1";
        client.query(leave, &[&name]).await.expect("leave the template");
    }
    execute(client, &format!("SELECT pg_advisory_unlock({TEMPLATE_LOCK})")).await;
    name
}

/// What killed tests and earlier versions have left.
async fn drop_stale(client: &Client) {
    let oldest = unix_time().saturating_sub(STALE_AFTER).as_secs();
    let yesterday = partitions::current_bucket() - 1;
    let names = client
        .query("SELECT datname::text FROM pg_database WHERE datname ~ '^oriel_(test|template)_'", &[])
        .await
        .expect("list the databases");
    for row in names {
        let name: String = row.get(0);
        let stale = match name.strip_prefix("oriel_test_") {
            Some(rest) => rest.split('_').next().and_then(|time| time.parse().ok()) < Some(oldest),
            None => name.rsplit('_').next().and_then(|day| day.parse().ok()) < Some(yesterday),
        };
        if stale {
            let _ = client.batch_execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await;
        }
    }
}

/// Over the files themselves: the embedded ones tell only their names.
fn migrations_hash() -> String {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrations");
    let mut files: Vec<_> = std::fs::read_dir(directory)
        .expect("list the migrations")
        .map(|entry| entry.expect("list the migrations").path().join("up.sql"))
        .collect();
    files.sort();
    let mut hash = Sha256::new();
    for file in files {
        hash.update(file.as_os_str().as_encoded_bytes());
        hash.update(std::fs::read(&file).unwrap_or_default());
    }
    hash.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

async fn connect(url: &str) -> Client {
    let (client, connection) =
        tokio_postgres::connect(url, NoTls).await.unwrap_or_else(|error| panic!("{url}: {error:?}"));
    tokio::spawn(connection);
    client
}

async fn execute(client: &Client, statement: &str) {
    client.batch_execute(statement).await.unwrap_or_else(|error| panic!("{statement}: {error:?}"));
}

/// `url` with another database at its end.
fn with_database(url: &str, database: &str) -> String {
    let _: Config = url.parse().unwrap_or_else(|error| panic!("{CLUSTER_VARIABLE}: {error}"));
    if url.contains("://") {
        let (before, query) = url.split_once('?').unwrap_or((url, ""));
        let scheme_end = before.find("://").map_or(0, |at| at + 3);
        let (scheme, rest) = before.split_at(scheme_end);
        let host = rest.split('/').next().unwrap_or_default();
        let query = if query.is_empty() { String::new() } else { format!("?{query}") };
        format!("{scheme}{host}/{database}{query}")
    } else {
        format!("{url} dbname={database}")
    }
}

fn unix_time() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_database_of_the_same_cluster_is_named() {
        for (url, expected) in [
            ("postgresql://oriel@%2Ftmp/postgres", "postgresql://oriel@%2Ftmp/t"),
            ("postgresql://u:p@h:5/d?sslmode=disable", "postgresql://u:p@h:5/t?sslmode=disable"),
            ("postgres://localhost", "postgres://localhost/t"),
            ("host=/tmp user=oriel dbname=a", "host=/tmp user=oriel dbname=a dbname=t"),
        ] {
            assert_eq!(with_database(url, "t"), expected);
        }
    }
}
