//! Waiting for the database to come back.

use std::time::Duration;

use store::{Store, StoreError};

/// A connection that was merely lost is back at the next try.
const FIRST: Duration = Duration::from_millis(50);
/// After an outage nobody waits longer than this, and a dead server is asked once a second by each waiter.
const LONGEST: Duration = Duration::from_secs(1);

/// Growing pauses between tries.
#[derive(Debug, Default)]
pub struct Backoff {
    last: Option<Duration>,
}

impl Backoff {
    /// Whether nothing has been waited for yet.
    pub fn is_first(&self) -> bool {
        self.last.is_none()
    }

    /// As [`wait`](Self::wait), but ends as soon as a database that is away is back.
    pub async fn wait_for(&mut self, store: &Store) {
        let is_away = !store.availability().is_up();
        let back = async {
            // One that comes and goes, as without room on its disk, must not be asked in a circle.
            tokio::time::sleep(FIRST / 2).await;
            store.until_up().await;
        };
        tokio::select! {
            () = back, if is_away => {}
            () = self.wait() => {}
        }
    }

    /// Waits twice as long as the last time.
    pub async fn wait(&mut self) {
        let pause = self.last.map_or(FIRST, |last| LONGEST.min(last * 2));
        self.last = Some(pause);
        tokio::time::sleep(pause).await;
    }
}

/// Whether waiting helps: nothing is lost by it, and every other way would lose text.
pub fn is_outage(error: &StoreError) -> bool {
    error.is_retryable() || matches!(error, StoreError::StorageFull(_))
}
