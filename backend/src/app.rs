//! The roof: where configuration, store, engine, services and routes meet, and nothing else does.
//!
//! [`start`] brings the floors up, [`server`] listens, [`shutdown`] takes everything down in order.

mod database;
mod files;
pub mod logging;
mod ownership;
mod replica;
pub mod secrets;
pub mod server;
pub mod shutdown;
pub mod start;
mod survey;

use std::sync::atomic::{AtomicBool, Ordering};

use engine::Engine;
use store::Store;
use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;

pub use database::{Database, DatabaseError};
pub use replica::ReplicaError;
pub use start::{App, StartError};

use crate::config::Config;
use crate::middleware::patience::WaitingRoom;
use crate::services::auth::Auth;
use crate::services::chat::Chat;
use crate::services::conversation::Conversations;
use crate::services::generation::Generations;

/// What every handler can reach.
pub struct AppState {
    /// The settings.
    pub config: Config,
    /// The database.
    pub store: Store,
    /// The models.
    pub engine: Engine,
    /// Accounts and sign-ins.
    pub auth: Auth,
    /// Conversations and their messages.
    pub conversations: Conversations,
    /// Sending, regenerating, stopping.
    pub chat: Chat,
    /// The running answers.
    pub generations: Generations,
    /// Where requests wait for a database that is away.
    pub waiting_room: WaitingRoom,
    /// The main runtime: what must outlive a request is spawned here.
    pub runtime: Handle,
    /// The streams, which have left actix.
    pub connections: TaskTracker,
    shutting_down: AtomicBool,
}

impl AppState {
    /// Whether the server takes no new work any more.
    pub fn is_shutting_down(&self) -> bool {
        self.shutting_down.load(Ordering::Relaxed)
    }

    fn begin_shutdown(&self) {
        self.shutting_down.store(true, Ordering::Relaxed);
    }
}
