//! From settings to a server that listens, floor by floor.

use std::net::{SocketAddr, TcpListener};
use std::time::{Duration, Instant};

use actix_web::web;
use engine::{Engine, EngineConfig};
use store::Store;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;

use super::replica::{Replica, ReplicaError};
use super::{AppState, Database, DatabaseError, files, ownership, secrets, server, shutdown, survey};
use crate::AppError;
use crate::config::Config;
use crate::middleware::patience::{PLACES, WaitingRoom};
use crate::services::auth::Auth;
use crate::services::chat::Chat;
use crate::services::conversation::Conversations;
use crate::services::generation::Generations;
use crate::services::traces::Traces;

/// How often rows that nobody needs any more are removed.
const UPKEEP_EVERY: Duration = Duration::from_secs(3600);

/// A server that is ready to serve.
pub struct App {
    floors: Floors,
    listener: TcpListener,
    address: SocketAddr,
}

/// What stands behind the listener, and is taken down after it.
pub(super) struct Floors {
    pub(super) state: web::Data<AppState>,
    pub(super) database: Database,
    pub(super) replica: Replica,
    pub(super) ownership: JoinHandle<()>,
    pub(super) upkeep: JoinHandle<()>,
}

/// Why the server does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Somebody else listens there, or nobody may.
    #[error("cannot listen on {address}: {cause}; free it, or set LISTEN_ADDR")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What the system said.
        cause: std::io::Error,
    },
    /// No database.
    #[error("{0}")]
    Database(#[from] DatabaseError),
    /// No identity.
    #[error("{0}")]
    Replica(#[from] ReplicaError),
    /// No engine.
    #[error("{0}")]
    Engine(#[from] engine::StartError),
    /// Keys or accounts are not usable.
    #[error("{}", match .0.cause_chain() { Some(cause) => format!("{} ({cause})", .0), None => .0.to_string() })]
    App(#[from] AppError),
}

impl App {
    /// Brings all floors up. Must be called on a multi-thread runtime, which then carries everything but the
    /// HTTP workers.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let begun = Instant::now();
        files::allow_all();
        let (listener, address) = listen(config.listen_addr)?;
        // Before the database, because it fails at once where a path is wrong.
        let engine = Engine::start(engine_config(&config))?;
        let database = Database::open(&config).await?;
        let store = database.store().clone();
        let keys = secrets::open(&config, &store).await?;
        let replica = Replica::register(store.clone(), &config.data_dir).await?;
        survey::survey(&store, config.database_connections).await;
        let runtime = Handle::current();
        let cost = secrets::bcrypt_cost(&config, &store).await?;
        let traces = Traces::new(store.clone(), engine.clone(), &keys);
        let auth = Auth::start(store.clone(), keys, cost, config.registration).await?;
        let generations =
            Generations::start(store.clone(), engine.clone(), traces.clone(), replica.id(), runtime.clone());
        generations.recover().await.map_err(AppError::from)?;
        let upkeep = tokio::spawn(upkeep(store.clone(), traces));
        let ownership = tokio::spawn(ownership::run(replica.lease(), generations.clone()));

        let state = web::Data::new(AppState {
            conversations: Conversations::new(store.clone(), engine.clone(), generations.clone()),
            chat: Chat::new(generations.clone()),
            generations,
            auth,
            store,
            engine,
            waiting_room: WaitingRoom::new(PLACES, config.database_patience),
            config,
            runtime,
            connections: TaskTracker::new(),
            shutting_down: false.into(),
        });
        tracing::info!(%address, duration_ms = begun.elapsed().as_millis() as u64, bcrypt_cost = cost, "started");
        let floors = Floors { state, database, replica, ownership, upkeep };
        Ok(Self { floors, listener, address })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What the handlers can reach.
    pub fn state(&self) -> &web::Data<AppState> {
        &self.floors.state
    }

    /// Serves until a signal asks to end (SIGINT, SIGTERM), then takes everything down in order.
    pub async fn serve(self) -> Result<(), StartError> {
        self.serve_until(shutdown::signal()).await
    }

    /// Serves until `end`, or until another process has taken this one's place; then takes everything down in order.
    pub async fn serve_until(self, end: impl Future<Output = ()>) -> Result<(), StartError> {
        let Self { floors, listener, address } = self;
        let failed = |cause| StartError::Listen { address, cause };
        let server = server::server(listener, floors.state.clone()).map_err(failed)?;
        let handle = server.handle();
        let serving = tokio::spawn(server);
        greet(&floors.state).await;
        tokio::select! {
            () = end => {}
            () = floors.replica.taken() => {}
        }
        shutdown::run(floors, handle, serving).await;
        Ok(())
    }
}

/// Tells where Oriel is, and how the first account is made. A server that runs does not end because the database is away
/// in this moment.
async fn greet(state: &AppState) {
    let page = state.config.public_url.origin().ascii_serialization();
    tracing::info!("Oriel is ready: open {page}");
    match state.auth.setup_token().await {
        Ok(Some(token)) => {
            tracing::info!(
                "there is no account yet; the first one, made at {page}/sign-up, becomes administrator"
            );
            tracing::info!("from another machine the first account needs this setup token: {token}");
        }
        Ok(None) => {}
        Err(error) => tracing::warn!(%error, "whether there is an account yet is not known"),
    }
}

fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |cause| StartError::Listen { address, cause };
    let listener = TcpListener::bind(address).map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

/// What models may take together where nothing is set: three quarters of the memory, the rest is for the database and
/// everybody else.
fn usual_budget_bytes() -> Option<u64> {
    Some(engine::machine::memory_bytes()? / 4 * 3)
}

fn engine_config(config: &Config) -> EngineConfig {
    EngineConfig {
        worker: config.engine_path.clone(),
        model_path: config.model_path.clone(),
        state_dir: config.data_dir.join("engine"),
        slots: config.slots,
        context_tokens: config.context_tokens,
        threads: config.threads,
        queue_capacity: config.queue_capacity,
        idle_unload: config.idle_unload,
        memory_budget_bytes: config.memory_budget_bytes.or_else(usual_budget_bytes),
        states_memory_bytes: config.states_memory_bytes,
        states_disk_bytes: config.states_disk_bytes,
        states_max_age: config.states_max_age,
    }
}

async fn upkeep(store: Store, traces: Traces) {
    let mut tick = tokio::time::interval(UPKEEP_EVERY);
    loop {
        tick.tick().await;
        match store.upkeep().await {
            Ok(removed) => tracing::debug!(?removed, "upkeep"),
            Err(error) => tracing::warn!(%error, "upkeep failed; it is tried again in an hour"),
        }
        if let Err(error) = traces.sweep().await {
            tracing::warn!(%error, "what models keep was not swept; it is tried again in an hour");
        }
    }
}
