//! The pool of connections.

use std::error::Error;
use std::time::{Duration, Instant};

use deadpool::managed::{Metrics, QueueMode, TimeoutType};
use diesel::{ConnectionError, ConnectionResult};
use diesel_async::pooled_connection::deadpool::{Hook, HookError, Object, Pool, PoolError};
use diesel_async::pooled_connection::{AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use futures_util::FutureExt;
use tokio_postgres::NoTls;

use crate::StoreError;
use crate::availability::Watch;
use crate::error::{Kind, SQLSTATE};

/// Connections of one server's pool. Most requests hold one for a millisecond, and PostgreSQL gains nothing from many more
/// than twice its cores. With [those beside](crate::CONNECTIONS_BESIDE_POOL) six servers fit into its default of 100.
pub const MAX_CONNECTIONS_DEFAULT: usize = 12;

/// How long a request waits for a connection, or a connection for the server: longer than a PostgreSQL that
/// is restarted takes to answer, shorter than a person waits.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Between two tries for a connection of a server that has none to give: others are given back all the time, the pool's
/// own too.
const ASK_CROWDED: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(200));

/// A dead network path is noticed after this long without an acknowledgement, before a lease of six seconds
/// has been lost twice.
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection that nobody used for this long is asked whether it is alive before it is given out: no server ends and
/// is back in less. Those in use all the time are spared the question.
const ASKED_AFTER: Duration = Duration::from_millis(50);

/// How long that may take; then the connection is given up.
const ALIVE_WITHIN: Duration = Duration::from_secs(1);

/// For every connection. `statement_timeout`: the longest query of ours, the end of a very long answer, takes
/// under a second. `lock_timeout`: who holds a row longer has been stopped. `idle_in_transaction…`: a process
/// that is halted in the middle of a transaction must not keep its locks.
const SESSION_SETTINGS: &str = "SET statement_timeout = '15s';
    SET lock_timeout = '10s';
    SET idle_in_transaction_session_timeout = '10s';
    SET timezone = 'UTC'";

/// Only a superuser may set this, and only then are messages sure to be in English: see [`StoreError`].
const ENGLISH_MESSAGES: &str = "SET lc_messages = 'C'";

/// Where the database is and how many connections to keep.
#[derive(Clone)]
pub struct StoreConfig {
    /// `postgresql://user:password@host/database`, or the `key=value` form. May hold a password.
    pub database_url: String,
    /// Most connections at a time.
    pub max_connections: usize,
}

impl StoreConfig {
    /// The default number of connections to `database_url`.
    pub fn new(database_url: impl Into<String>) -> Self {
        Self { database_url: database_url.into(), max_connections: MAX_CONNECTIONS_DEFAULT }
    }
}

/// The database. Cheap to clone: all clones share one pool.
#[derive(Clone)]
pub struct Store {
    pool: Pool<AsyncPgConnection>,
    database_url: String,
    pub(crate) watch: Watch,
}

impl Store {
    /// Opens the pool and asks the database whether it is there.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] with the server's own words: no server, a wrong password, no such
    /// database.
    pub async fn connect(config: &StoreConfig) -> Result<Self, StoreError> {
        let watch = Watch::new(config.database_url.clone());
        let mut manager = ManagerConfig::default();
        // The pool sees by itself that a connection is closed; for the rest see `check_alive`.
        manager.recycling_method = RecyclingMethod::Fast;
        let told = watch.clone();
        manager.custom_setup = Box::new(move |url| {
            let (url, watch) = (url.to_owned(), told.clone());
            async move { establish(&url, watch).await }.boxed()
        });
        let manager = AsyncDieselConnectionManager::new_with_config(&config.database_url, manager);
        let pool = Pool::builder(manager)
            .max_size(config.max_connections)
            .wait_timeout(Some(CONNECT_TIMEOUT))
            .create_timeout(Some(CONNECT_TIMEOUT))
            .recycle_timeout(Some(CONNECT_TIMEOUT))
            // The one that was used last is surest to be alive, and needs no question.
            .queue_mode(QueueMode::Lifo)
            .pre_recycle(Hook::async_fn(|connection, metrics| check_alive(connection, metrics).boxed()))
            .runtime(deadpool::Runtime::Tokio1)
            .build()
            .map_err(StoreError::internal)?;
        let store = Self { pool, database_url: config.database_url.clone(), watch };
        store.ping().await?;
        Ok(store)
    }

    /// One round trip to the database.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] where it does not answer.
    pub async fn ping(&self) -> Result<(), StoreError> {
        let mut connection = self.connection().await?;
        diesel::sql_query("SELECT 1").execute(&mut connection).await?;
        Ok(())
    }

    /// Closes the pool. Queries that run come to their end; later ones are [`StoreError::Unavailable`].
    pub fn close(&self) {
        self.pool.close();
    }

    /// A connection of the pool. Where neither the pool nor the server has one, it is waited for, but not for ever.
    pub(crate) async fn connection(&self) -> Result<Object<AsyncPgConnection>, StoreError> {
        let until = Instant::now() + CONNECT_TIMEOUT;
        let (mut pause, longest) = ASK_CROWDED;
        let error = loop {
            match self.pool.get().await {
                Ok(connection) => return Ok(connection),
                Err(PoolError::Backend(cause)) if is_crowded(&cause) && Instant::now() + pause < until => {
                    tokio::time::sleep(pause).await;
                    pause = longest.min(pause * 2);
                }
                Err(error) => break error,
            }
        };
        match &error {
            PoolError::Backend(cause) => match Kind::of_text(&cause.to_string()) {
                Kind::Passing => {}
                Kind::Full => {
                    self.watch.saw(Kind::Full);
                    self.watch.saw(Kind::Gone);
                }
                Kind::Gone | Kind::Other => self.watch.saw(Kind::Gone),
            },
            PoolError::Timeout(TimeoutType::Create) => self.watch.saw(Kind::Gone),
            PoolError::Timeout(_) | PoolError::Closed => {}
            PoolError::NoRuntimeSpecified | PoolError::PostCreateHook(_) => {
                return Err(StoreError::internal(error));
            }
        }
        match self.watch.is_away_for_room() {
            true => Err(StoreError::StorageFull(error.into())),
            false => Err(StoreError::unavailable(error)),
        }
    }

    /// A connection of its own without time limits, for migrations.
    pub(crate) async fn unlimited_connection(&self) -> Result<AsyncPgConnection, StoreError> {
        connect(&self.database_url).await.map_err(StoreError::unavailable)
    }
}

/// Whether the server let nobody in because too many are there.
fn is_crowded(cause: &diesel_async::pooled_connection::PoolError) -> bool {
    Kind::of_text(&cause.to_string()) == Kind::Passing
}

/// Without this each connection that died while nobody used it would fail one call.
async fn check_alive(connection: &mut AsyncPgConnection, metrics: &Metrics) -> Result<(), HookError> {
    if metrics.last_used() < ASKED_AFTER {
        return Ok(());
    }
    let question = diesel::sql_query("SELECT 1").execute(connection);
    match tokio::time::timeout(ALIVE_WITHIN, question).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(HookError::message(error.to_string())),
        Err(_silent) => Err(HookError::message("it did not answer")),
    }
}

async fn establish(url: &str, watch: Watch) -> ConnectionResult<AsyncPgConnection> {
    let mut connection = connect(url).await?;
    connection.set_instrumentation(watch);
    connection.batch_execute(SESSION_SETTINGS).await.map_err(ConnectionError::CouldntSetupConfiguration)?;
    if let Err(error) = connection.batch_execute(ENGLISH_MESSAGES).await {
        tracing::debug!(%error, "messages of the database stay in its own language");
    }
    Ok(connection)
}

pub(crate) async fn connect(url: &str) -> ConnectionResult<AsyncPgConnection> {
    let mut config: tokio_postgres::Config = url.parse().map_err(bad_connection)?;
    if config.get_application_name().is_none() {
        config.application_name("oriel");
    }
    config.connect_timeout(CONNECT_TIMEOUT).tcp_user_timeout(TCP_USER_TIMEOUT);
    let (client, connection) = config.connect(NoTls).await.map_err(bad_connection)?;
    AsyncPgConnection::try_from_client_and_connection(client, connection).await
}

/// The whole chain of causes: the outer text alone is "error connecting to server". Before a connection there is no
/// setting of the language either, so the SQLSTATE is told with it.
fn bad_connection(error: tokio_postgres::Error) -> ConnectionError {
    let mut text = error.to_string();
    if let Some(code) = error.code() {
        text = format!("{text}, {SQLSTATE}{}", code.code());
    }
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    ConnectionError::BadConnection(text)
}
