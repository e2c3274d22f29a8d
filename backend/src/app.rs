//! The roof: where configuration, store, engine, services and routes meet, and nothing else does.

use tokio::runtime::Handle;

/// What every handler can reach.
pub struct AppState {
    /// The main runtime: what must outlive a request is spawned here.
    pub runtime: Handle,
}
