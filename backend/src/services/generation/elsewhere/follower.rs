//! Publishes here what other replicas write.
//!
//! Readers name the unfinished answers that they watch. The follower asks for the news of all of them in one query:
//! at once for those that a hint says have moved, once a second for the others. What runs in this process is not
//! asked for, and nothing is asked for while nobody reads. Readers that lack more than this heal from the journal by
//! themselves.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use shared::{ConversationId, GenerationId, StreamEvent};
use store::{News, Place, Store, StoreError, Watch};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::super::backoff::Backoff;
use super::super::live::{Ended, LiveEvent, LiveHub, Topic};
use super::super::registry::Registry;
use super::super::{chunk_event, end_event};
use super::notice::subject;

/// Between two queries: as often as a journal is written.
const ASK_EVERY: Duration = Duration::from_millis(50);
/// An answer without news is asked for so often: hints are seldom lost, and a person takes this for a pause.
pub const POLL_EVERY: Duration = Duration::from_secs(1);
/// Chunks of one answer in one query: more than a second of the fastest. An answer that has more is asked for again
/// at once.
const PAGE_CHUNKS: u32 = 32;
/// Answers in one query, so that no result is large even where every chunk is.
const BATCH_ANSWERS: usize = 256;

/// Watches answers that run elsewhere. Cheap to clone.
#[derive(Clone)]
pub struct Follower {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    hub: LiveHub,
    registry: Registry,
    /// None: hints alone are followed.
    poll_every: Option<Duration>,
    watched: Mutex<BTreeMap<GenerationId, Watched>>,
    moved: Notify,
}

struct Watched {
    place: Place,
    after_seq: u32,
    has_moved: bool,
    asked_at: Instant,
    progress: Option<StreamEvent>,
}

impl Follower {
    /// A follower that still has to be [`run`](Self::run). Without `poll_every` it asks only when it is told that
    /// something moved.
    pub fn new(store: Store, hub: LiveHub, registry: Registry, poll_every: Option<Duration>) -> Self {
        let (watched, moved) = (Mutex::default(), Notify::new());
        Self { inner: Arc::new(Inner { store, hub, registry, poll_every, watched, moved }) }
    }

    /// Follows an answer from behind a chunk on, until it ends or nobody reads its conversation any more. Tells whether
    /// that is new.
    pub fn watch(&self, place: Place, after_seq: u32) -> bool {
        let new = || Watched { place, after_seq, has_moved: true, asked_at: Instant::now(), progress: None };
        let mut watched = self.inner.lock();
        let is_new = !watched.contains_key(&place.generation_id);
        let entry = watched.entry(place.generation_id).or_insert_with(new);
        entry.after_seq = entry.after_seq.max(after_seq);
        drop(watched);
        self.inner.moved.notify_one();
        is_new
    }

    /// Text of these answers was committed, or their end.
    pub fn moved(&self, ids: &[GenerationId]) {
        let mut watched = self.inner.lock();
        for id in ids {
            if let Some(entry) = watched.get_mut(id) {
                entry.has_moved = true;
            }
        }
        drop(watched);
        self.inner.moved.notify_one();
    }

    /// All answers that are watched may have moved.
    pub fn all_moved(&self) {
        self.inner.lock().values_mut().for_each(|entry| entry.has_moved = true);
        self.inner.moved.notify_one();
    }

    /// An answer tells what it is doing.
    pub fn progressed(&self, conversation: ConversationId, event: StreamEvent) {
        let mut watched = self.inner.lock();
        if let Some(entry) = subject(&event).and_then(|id| watched.get_mut(&id)) {
            entry.progress = Some(event.clone());
        }
        drop(watched);
        self.inner.hub.publish(Topic::Conversation(conversation), LiveEvent::Stream(event));
    }

    /// What an answer without text was doing last.
    pub fn progress(&self, id: GenerationId) -> Option<StreamEvent> {
        self.inner.lock().get(&id).and_then(|entry| entry.progress.clone())
    }

    /// Follows until it is dropped.
    pub async fn run(self) {
        let mut backoff = Backoff::default();
        loop {
            let batch = self.inner.next_batch().await;
            let asked_at = Instant::now();
            match self.inner.ask(&batch).await {
                Ok(()) => {
                    backoff = Backoff::default();
                    tokio::time::sleep_until(asked_at + ASK_EVERY).await;
                }
                Err(error) => {
                    if backoff.is_first() {
                        tracing::warn!(%error, "answers of other servers are not followed for now");
                    }
                    self.inner.put_back(&batch);
                    backoff.wait_for(&self.inner.store).await;
                }
            }
        }
    }
}

impl Inner {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<GenerationId, Watched>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until something is to be asked for.
    async fn next_batch(&self) -> Vec<Watch> {
        loop {
            let (batch, next_poll) = self.collect(Instant::now());
            if !batch.is_empty() {
                return batch;
            }
            tokio::select! {
                () = self.moved.notified() => {}
                () = sleep_until(next_poll) => {}
            }
        }
    }

    /// What is to be asked for now, and when the next answer without news is.
    fn collect(&self, now: Instant) -> (Vec<Watch>, Option<Instant>) {
        let mut watched = self.lock();
        watched.retain(|_, entry| self.hub.has_readers(Topic::Conversation(entry.place.conversation_id)));
        let due_at = |entry: &Watched| self.poll_every.map(|poll_every| entry.asked_at + poll_every);
        let is_due = |entry: &Watched| entry.has_moved || due_at(entry).is_some_and(|due_at| due_at <= now);
        let mut due: Vec<&mut Watched> = watched.values_mut().filter(|entry| is_due(entry)).collect();
        due.sort_by_key(|entry| entry.asked_at);
        let mut batch = Vec::new();
        for entry in due.into_iter().take(BATCH_ANSWERS) {
            // Even where it runs here: should that end, its turn comes.
            (entry.has_moved, entry.asked_at) = (false, now);
            if !self.registry.is_running(entry.place.generation_id) {
                batch.push(Watch {
                    user_id: entry.place.user_id,
                    generation_id: entry.place.generation_id,
                    after_seq: entry.after_seq,
                });
            }
        }
        (batch, watched.values().filter_map(due_at).min())
    }

    async fn ask(&self, batch: &[Watch]) -> Result<(), StoreError> {
        let mut news = self.store.news_of(batch, PAGE_CHUNKS).await?;
        for watch in batch {
            let found = news.iter().position(|news| news.generation_id == watch.generation_id);
            match found.map(|index| news.swap_remove(index)) {
                Some(news) => self.publish(watch, news).await?,
                // Removed for good.
                None => drop(self.lock().remove(&watch.generation_id)),
            }
        }
        Ok(())
    }

    async fn publish(&self, watch: &Watch, news: News) -> Result<(), StoreError> {
        let id = watch.generation_id;
        let Some(place) = self.lock().get(&id).map(|entry| entry.place) else { return Ok(()) };
        let topic = Topic::Conversation(place.conversation_id);
        let is_all = news.chunks.len() < PAGE_CHUNKS as usize;
        let last_seq = news.chunks.last().map_or(watch.after_seq, |chunk| chunk.seq);
        for chunk in news.chunks {
            self.hub.publish(topic, LiveEvent::Stream(chunk_event(id, news.message_id, chunk)));
        }
        if let Some(entry) = self.lock().get_mut(&id) {
            entry.after_seq = entry.after_seq.max(last_seq);
            entry.has_moved |= !is_all;
        }
        if is_all && !news.status.is_unfinished() {
            match self.store.message(place.user_id, news.message_id).await {
                Ok(message) => self.hub.publish(
                    topic,
                    LiveEvent::Ended(Ended {
                        generation_id: id,
                        last_seq: news.last_seq,
                        event: end_event(id, &message),
                        message,
                    }),
                ),
                // Deleted meanwhile; the list says so.
                Err(StoreError::NotFound) => {}
                Err(error) => return Err(error),
            }
            self.lock().remove(&id);
        }
        Ok(())
    }

    fn put_back(&self, batch: &[Watch]) {
        let mut watched = self.lock();
        for watch in batch {
            if let Some(entry) = watched.get_mut(&watch.generation_id) {
                entry.has_moved = true;
            }
        }
    }
}

/// Waits for a moment; for ever where there is none.
async fn sleep_until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}
