//! Sessions that were ended while their access tokens still look valid.
//!
//! Every server asks the database every two seconds what was ended of late, so a sign-out reaches all of them within
//! five, and no request needs a query of its own. When the answer is too old, each request asks for itself: an
//! ended session is never let in because the database was away.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use shared::SessionId;
use store::Store;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::CurrentUser;
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
    ended: HashMap<SessionId, Instant>,
    as_of: Option<Instant>,
}

impl Known {
    fn add(&mut self, ids: impl IntoIterator<Item = SessionId>) {
        let now = Instant::now();
        self.ended.retain(|_, since| since.elapsed() < KEEP_FOR);
        for id in ids {
            self.ended.entry(id).or_insert(now);
        }
    }
}

impl Revocations {
    pub(super) fn start(store: Store) -> Self {
        let known = watch::Sender::new(Known::default());
        let poller = tokio::spawn(poll(store.clone(), known.clone()));
        Self { store, known, poller }
    }

    /// A session that was ended here.
    pub(super) fn add(&self, id: SessionId) {
        self.known.send_modify(|known| known.add([id]));
    }

    pub(super) async fn is_ended(&self, user: CurrentUser) -> AppResult<bool> {
        let (is_known, is_fresh) = {
            let known = self.known.borrow();
            let is_fresh = known.as_of.is_some_and(|as_of| as_of.elapsed() < FRESH_FOR);
            (known.ended.contains_key(&user.session_id), is_fresh)
        };
        if is_known || is_fresh {
            return Ok(is_known);
        }
        Ok(!self.store.session_is_active(user.id, user.session_id).await?)
    }

    pub(super) async fn ended(&self, id: SessionId) {
        let mut known = self.known.subscribe();
        // Fails only when the sender is gone, and then the server is too.
        let _ = known.wait_for(|known| known.ended.contains_key(&id)).await;
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
        match store.recently_revoked_sessions().await {
            Ok(ids) => known.send_modify(|known| {
                known.add(ids);
                known.as_of = Some(as_of);
            }),
            Err(error) => tracing::debug!(%error, "cannot ask which sessions were ended"),
        }
    }
}
