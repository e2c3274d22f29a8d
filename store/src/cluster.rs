//! The private PostgreSQL of an installation that was given none: found, made, started, watched, stopped.
//!
//! It listens on a Unix socket only, in a directory that nobody else may enter, and lives in a process group
//! of its own. A server that an earlier process left running is adopted; one that is killed is started again.
//! Only the start of the backend and the tests use it; queries go through [`Store`](crate::Store).
//!
//! ```text
//! start → Running ⇄ Restarting ⇄ Full
//!            └──────────┴─────────┴──→ Stopped (on purpose)
//! ```

mod account;
mod error;
mod layout;
pub(crate) mod processes;
mod programs;
pub(crate) mod server;

use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

pub use error::ClusterError;
use server::{Running, Server};

/// The database that Oriel keeps its tables in.
const DATABASE: &str = "oriel";

/// The first pause before a server that ended is started again, and the longest: it may fail for a reason
/// that passes, such as a full disk.
const RESTART_PAUSES: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));

/// A server that ran for this long was well: what ended it is something new.
const WELL_AFTER: Duration = Duration::from_secs(10);

/// How much a cluster may lose when the machine goes down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Nothing that was committed.
    Full,
    /// Everything: for tests.
    Fast,
}

/// What the server does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClusterState {
    /// It takes connections. `starts` counts how often it was started again.
    Running {
        /// The process.
        pid: i32,
        /// Restarts so far.
        restarts: u32,
    },
    /// It has ended and is being started again.
    Restarting,
    /// It does not start because its disk is full. It is tried again.
    Full,
    /// It was stopped on purpose.
    Stopped,
}

/// A private PostgreSQL that runs. Dropping it tells the server to stop and does not wait for that.
pub struct EmbeddedCluster {
    url: String,
    state: watch::Receiver<ClusterState>,
    stop: Option<oneshot::Sender<()>>,
    supervisor: JoinHandle<Result<(), ClusterError>>,
}

impl EmbeddedCluster {
    /// Runs the PostgreSQL of a data directory and keeps it running. Makes the cluster where there is none,
    /// adopts the server where one runs. Call it on the runtime that is to watch the server.
    ///
    /// # Errors
    /// [`ClusterError`] says what to do.
    pub async fn start(data_directory: &Path) -> Result<Self, ClusterError> {
        Self::start_with(data_directory, Durability::Full).await
    }

    /// As [`start`](Self::start), with a choice for tests.
    ///
    /// # Errors
    /// As there.
    pub async fn start_with(data_directory: &Path, durability: Durability) -> Result<Self, ClusterError> {
        let server = Server::prepare(data_directory, durability).await?;
        let running = server.run().await?;
        server.ensure_database(DATABASE).await?;
        let url = server.url(DATABASE);
        let (stop, stopped) = oneshot::channel();
        let (state, watcher) = watch::channel(state_of(&running, 0));
        let supervisor = tokio::spawn(supervise(server, running, state, stopped));
        Ok(Self { url, state: watcher, stop: Some(stop), supervisor })
    }

    /// The address of the database, for [`StoreConfig`](crate::StoreConfig).
    pub fn database_url(&self) -> String {
        self.url.clone()
    }

    /// What the server does, and every change of it.
    pub fn watch(&self) -> watch::Receiver<ClusterState> {
        self.state.clone()
    }

    /// Stops the server and waits for its end. Connections that are open are cut.
    ///
    /// # Errors
    /// [`ClusterError::NotStopped`] where it does not end.
    pub async fn stop(mut self) -> Result<(), ClusterError> {
        drop(self.stop.take());
        match (&mut self.supervisor).await {
            Ok(result) => result,
            // The runtime goes down; the signal has been sent by then.
            Err(_cancelled) => Ok(()),
        }
    }
}

impl Drop for EmbeddedCluster {
    fn drop(&mut self) {
        if self.stop.take().is_some()
            && let ClusterState::Running { pid, .. } = *self.state.borrow()
        {
            // The supervisor would do the same, but the runtime may not live to let it.
            let _ = kill(Pid::from_raw(pid), Signal::SIGINT);
        }
    }
}

fn state_of(running: &Running, restarts: u32) -> ClusterState {
    running
        .pid()
        .map_or(ClusterState::Restarting, |pid| ClusterState::Running { pid: pid.as_raw(), restarts })
}

/// Starts the server again whenever it ends, until `stopped` fires or its sender is gone.
async fn supervise(
    server: Server,
    mut running: Running,
    state: watch::Sender<ClusterState>,
    mut stopped: oneshot::Receiver<()>,
) -> Result<(), ClusterError> {
    let mut restarts = 0;
    let (mut pause, longest) = RESTART_PAUSES;
    loop {
        let began = Instant::now();
        tokio::select! {
            _ = &mut stopped => {
                let result = server.stop(&mut running).await;
                state.send_replace(ClusterState::Stopped);
                return result;
            }
            () = running.ended() => {}
        }
        tracing::error!("PostgreSQL ended; starting it again");
        state.send_replace(ClusterState::Restarting);
        if began.elapsed() >= WELL_AFTER {
            pause = RESTART_PAUSES.0;
        }
        loop {
            tokio::select! {
                _ = &mut stopped => {
                    state.send_replace(ClusterState::Stopped);
                    return Ok(());
                }
                () = tokio::time::sleep(pause) => {}
            }
            pause = longest.min(pause * 2);
            // Not to be cut short: a server that is starting must be stopped, not forgotten.
            match server.run().await {
                Ok(started) => {
                    running = started;
                    break;
                }
                Err(error) => {
                    tracing::error!(%error, "PostgreSQL does not start");
                    if error.is_full() {
                        state.send_replace(ClusterState::Full);
                    }
                }
            }
        }
        restarts += 1;
        state.send_replace(state_of(&running, restarts));
    }
}
