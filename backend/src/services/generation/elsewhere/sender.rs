//! Sends the hints of this replica: one task with a connection of its own.
//!
//! While the database cannot be reached hints are dropped, and the first that goes out again says so.

use std::convert::Infallible;
use std::time::Duration;

use store::{ReplicaId, Store, StoreError};
use tokio::time::Instant;

use super::super::Generations;
use super::super::backoff::Backoff;
use super::hints::Hints;

/// Between two NOTIFYs: each takes a lock that all commits with one share, and the journal is not faster either.
const SEND_EVERY: Duration = Duration::from_millis(50);

/// Sends until it is dropped.
pub async fn run(generations: Generations) {
    let (store, hints, me) = (generations.store(), generations.hints(), generations.owner());
    let mut backoff = Backoff::default();
    loop {
        let Err(error) = send(store, hints, me, &mut backoff).await;
        if backoff.is_first() {
            tracing::debug!(%error, "hints to other replicas are dropped until the database is back");
        }
        backoff.wait_for(store).await;
        hints.lost();
    }
}

async fn send(
    store: &Store,
    hints: &Hints,
    me: ReplicaId,
    backoff: &mut Backoff,
) -> Result<Infallible, StoreError> {
    hints.waiting().await;
    let mut notifier = store.notifier().await?;
    loop {
        hints.waiting().await;
        if let Some(notice) = hints.take(me) {
            let sent_at = Instant::now();
            notifier.notify(&notice).await?;
            *backoff = Backoff::default();
            tokio::time::sleep_until(sent_at + SEND_EVERY).await;
        }
    }
}

/// Sends what waits, once and for all.
pub async fn send_rest(store: &Store, hints: &Hints, me: ReplicaId) -> Result<(), StoreError> {
    let mut notifier = None;
    while let Some(notice) = hints.take(me) {
        let notifier = match &mut notifier {
            Some(notifier) => notifier,
            None => notifier.insert(store.notifier().await?),
        };
        notifier.notify(&notice).await?;
    }
    Ok(())
}
