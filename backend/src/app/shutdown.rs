//! The end, in the one order that loses nothing: listener, streams told to reconnect, journal flushed, ownership
//! released, workers, pool of connections, private database.

use std::time::Duration;

use actix_web::dev::ServerHandle;
use tokio::signal::unix::{SignalKind, signal as unix_signal};
use tokio::task::JoinHandle;

use super::start::Floors;

/// One Ctrl-C or one supervisor can reach a process more than once, by itself and by its group. Nobody means it twice
/// within this time.
const ECHO: Duration = Duration::from_secs(1);

/// Streams end as soon as they are told, but for those of clients that do not read.
const GOODBYE: Duration = Duration::from_secs(2);

/// Returns at the first SIGINT or SIGTERM. Another one after [`ECHO`] ends the process at once, for whoever cannot wait.
pub async fn signal() {
    next_signal().await;
    tracing::info!("going down; once more ends at once");
    tokio::spawn(async {
        tokio::time::sleep(ECHO).await;
        next_signal().await;
        std::process::exit(130);
    });
}

async fn next_signal() {
    match (unix_signal(SignalKind::interrupt()), unix_signal(SignalKind::terminate())) {
        (Ok(mut interrupt), Ok(mut terminate)) => {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        }
        // Without handlers the signals end the process by themselves.
        _ => std::future::pending().await,
    }
}

/// Takes everything down.
pub(super) async fn run(floors: Floors, server: ServerHandle, serving: JoinHandle<std::io::Result<()>>) {
    let Floors { state, database, replica, ownership, upkeep } = floors;
    state.begin_shutdown();
    upkeep.abort();
    ownership.abort();
    // The listener closes at once; open requests go on, streams until they are told to reconnect.
    let stopped = server.stop(true);
    let generations = state.generations.clone();
    let ended = async {
        generations.shutdown().await;
        replica.release().await;
        generations.say_goodbye().await;
        state.engine.shutdown().await;
    };
    let connections = &state.connections;
    connections.close();
    let told = tokio::time::timeout(GOODBYE, connections.wait());
    let ((), (), told) = tokio::join!(stopped, ended, told);
    if told.is_err() {
        tracing::info!(
            left = connections.len(),
            "streams whose readers did not read were not told to come back"
        );
    }
    match serving.await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, "the listener ended with an error"),
        Err(error) => tracing::warn!(%error, "the listener panicked"),
    }
    database.close().await;
    tracing::info!("ended");
}
