//! Sessions that were ended while their access tokens still look valid, and keys whose streams are still open.
//!
//! Every server asks the database every two seconds what was ended of late, so a sign-out reaches all of them within
//! five, and no request with an access token needs a query of its own. When the answer is too old, each request asks for itself: an
//! ended session is never let in because the database was away.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use shared::{SessionId, UserId};
use store::{Store, StoreError};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::Credential;
use crate::error::AppResult;

/// Half of what is promised, less the time of a query.
const POLL_EVERY: Duration = Duration::from_secs(2);

/// A sign-out acts within this time.
const FRESH_FOR: Duration = Duration::from_secs(5);

/// Longer than an access token lives.
const KEEP_FOR: Duration = Duration::from_secs(1200);

/// What was ended of late.
pub(super) struct Revocations {
    store: Store,
    known: watch::Sender<Known>,
    poller: JoinHandle<()>,
}

#[derive(Default)]
struct Known {
    ended: HashMap<Credential, Instant>,
    as_of: Option<Instant>,
}

impl Known {
    /// Whether any of them is news.
    fn add(&mut self, ended: impl IntoIterator<Item = Credential>) -> bool {
        let now = Instant::now();
        self.ended.retain(|_, since| since.elapsed() < KEEP_FOR);
        let mut has_news = false;
        for credential in ended {
            has_news |= !self.ended.contains_key(&credential);
            self.ended.entry(credential).or_insert(now);
        }
        has_news
    }
}

impl Revocations {
    pub(super) fn start(store: Store) -> Self {
        let known = watch::Sender::new(Known::default());
        let poller = tokio::spawn(poll(store.clone(), known.clone()));
        Self { store, known, poller }
    }

    /// A session or key that was ended here.
    pub(super) fn add(&self, credential: Credential) {
        self.known.send_if_modified(|known| known.add([credential]));
    }

    pub(super) async fn is_ended(&self, user: UserId, session: SessionId) -> AppResult<bool> {
        let (is_known, is_fresh) = {
            let known = self.known.borrow();
            let is_fresh = known.as_of.is_some_and(|as_of| as_of.elapsed() < FRESH_FOR);
            (known.ended.contains_key(&Credential::Session(session)), is_fresh)
        };
        if is_known || is_fresh {
            return Ok(is_known);
        }
        Ok(!self.store.session_is_active(user, session).await?)
    }

    pub(super) async fn ended(&self, credential: Credential) {
        let mut known = self.known.subscribe();
        // Fails only when the sender is gone, and then the server is too.
        let _ = known.wait_for(|known| known.ended.contains_key(&credential)).await;
    }
}

impl Drop for Revocations {
    fn drop(&mut self) {
        self.poller.abort();
    }
}

async fn poll(store: Store, known: watch::Sender<Known>) {
    let mut tick = tokio::time::interval(POLL_EVERY);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        let as_of = Instant::now();
        match recently_ended(&store).await {
            // Every open stream wakes for news, and for nothing else.
            Ok(ended) => drop(known.send_if_modified(|known| {
                known.as_of = Some(as_of);
                known.add(ended)
            })),
            Err(error) => tracing::debug!(%error, "cannot ask which sessions and keys were ended"),
        }
    }
}

async fn recently_ended(store: &Store) -> Result<Vec<Credential>, StoreError> {
    let sessions = store.recently_revoked_sessions().await?.into_iter().map(Credential::Session);
    let keys = store.recently_ended_api_keys().await?.into_iter().map(Credential::Key);
    Ok(sessions.chain(keys).collect())
}
