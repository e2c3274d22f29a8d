//! LISTEN and NOTIFY: how servers of one database wake each other. Both use connections of their own, outside the
//! pool: one listens for as long as it lives, the other must never wait behind a query.

use std::pin::pin;
use std::time::Duration;

use diesel::sql_types::Text;
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use futures_util::StreamExt;
use tokio::time::timeout;

use crate::{Store, StoreError};

/// The channel; PostgreSQL keeps those of other databases apart.
const CHANNEL: &str = "oriel";

/// A silent connection is asked so often whether it still lives: a listener is never told by itself that the network
/// is gone.
const PING_EVERY: Duration = Duration::from_secs(5);

/// An answer to one round trip takes a millisecond; after this time the connection is dead.
const PATIENCE: Duration = Duration::from_secs(5);

/// Says something to all servers that listen.
pub struct Notifier {
    connection: AsyncPgConnection,
}

/// Hears what other servers, and this one, say.
pub struct Listener {
    connection: AsyncPgConnection,
}

impl Store {
    /// A connection to say something on.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn notifier(&self) -> Result<Notifier, StoreError> {
        // A hint that a crash of the database loses is not missed, and must not wait for its disk.
        let settings = "SET synchronous_commit = off; SET application_name = 'oriel notifier'";
        Ok(Notifier { connection: self.connection_apart(settings).await? })
    }

    /// A connection that hears everything said from now on.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn listener(&self) -> Result<Listener, StoreError> {
        let settings = format!("SET application_name = 'oriel listener'; LISTEN {CHANNEL}");
        Ok(Listener { connection: self.connection_apart(&settings).await? })
    }

    /// A connection outside the pool, without time limits.
    pub(crate) async fn connection_apart(&self, settings: &str) -> Result<AsyncPgConnection, StoreError> {
        in_time(async {
            let mut connection = self.unlimited_connection().await?;
            connection.batch_execute(settings).await?;
            Ok(connection)
        })
        .await
    }
}

impl Notifier {
    /// Says `text`, which must have less than 8000 bytes.
    ///
    /// # Errors
    /// Those of the database; the connection is of no use any more then.
    pub async fn notify(&mut self, text: &str) -> Result<(), StoreError> {
        let query = diesel::sql_query("SELECT pg_notify($1, $2)");
        let query = query.bind::<Text, _>(CHANNEL).bind::<Text, _>(text);
        in_time(async { Ok(query.execute(&mut self.connection).await.map(drop)?) }).await
    }
}

impl Listener {
    /// What is said next; none after a while of silence in which the connection was found alive.
    ///
    /// # Errors
    /// Those of the database; the connection is of no use any more then, and whatever is said until another one
    /// listens is missed.
    pub async fn next(&mut self) -> Result<Option<String>, StoreError> {
        let next = async { pin!(self.connection.notifications_stream()).next().await };
        match timeout(PING_EVERY, next).await {
            Ok(Some(notification)) => Ok(Some(notification?.payload)),
            Ok(None) => Err(StoreError::unavailable("the listener's connection was closed")),
            Err(_silence) => {
                let ping = diesel::sql_query("SELECT 1").execute(&mut self.connection);
                in_time(async { Ok(ping.await.map(drop)?) }).await?;
                Ok(None)
            }
        }
    }
}

async fn in_time<T>(work: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    match timeout(PATIENCE, work).await {
        Ok(done) => done,
        Err(late) => Err(StoreError::unavailable(late)),
    }
}
