//! Writes the text of all running answers of this replica: one transaction for what has come together.
//!
//! Runners append through their [`Writer`]; one flusher takes all accumulators together, at once for a first word
//! or an end, otherwise no oftener than every [`FLUSH_EVERY`]. Readers hear of text only after its commit. A
//! generation that the fence did not let through has another owner: its writer fails, and its runner goes away
//! silently. While the database is away everything is held and tried again; nothing is published, nothing fails.

mod writer;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use shared::{ApiError, ConversationId, ErrorCode, GenerationId, MessageId, StreamEvent, UserId};
use store::{NewChunk, ReplicaId, Store, StoreError};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

pub use writer::{WriteError, Writer};

use super::accumulator::{Accumulator, Chunk, HOLD_BYTES, Urgency};
use super::backoff::{Backoff, is_outage};
use super::elsewhere::hints::Hints;
use super::live::{LiveEvent, LiveHub, Topic};

/// From one commit to the next: below what an eye sees as a pause, and twenty a second at most.
const FLUSH_EVERY: Duration = Duration::from_millis(50);
/// After a pause the next text is written at once, but for this: the tokens of one decode step of all answers arrive
/// so close together, and belong into one commit.
const GATHER_FOR: Duration = Duration::from_millis(2);
/// Text of one transaction. Reached only after an outage, when every answer has held much.
const BATCH_BYTES: usize = 1024 * 1024;
/// Readers see a pause for so long before they are told that the database is away.
const SILENT_FOR: Duration = Duration::from_secs(60);

/// The journal of this replica. Cheap to clone.
#[derive(Clone)]
pub struct Journal {
    inner: Arc<Inner>,
}

/// Whose text it is.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Whose answer it is.
    pub user_id: UserId,
    /// The run.
    pub generation_id: GenerationId,
    /// The message it writes.
    pub message_id: MessageId,
    /// Whose readers hear of it.
    pub conversation_id: ConversationId,
    /// Which owner writes.
    pub epoch: u32,
}

struct Inner {
    store: Store,
    hub: LiveHub,
    hints: Hints,
    owner: ReplicaId,
    entries: Mutex<BTreeMap<GenerationId, Entry>>,
    work: Notify,
    /// Text that one answer may hold.
    hold_bytes: AtomicUsize,
}

struct Entry {
    target: Target,
    accumulator: Accumulator,
    urgency: Urgency,
    /// Since when the oldest text waits that was not sealed.
    waits_since: Option<Instant>,
    state: watch::Sender<EntryState>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum EntryState {
    /// Sent again with every commit.
    Open,
    Closed(WriteError),
}

/// What one generation writes next.
struct Sealed {
    target: Target,
    chunks: Vec<Chunk>,
    waits_since: Option<Instant>,
}

impl Journal {
    /// A journal whose flusher still has to be [`run`](Self::run).
    pub fn new(store: Store, hub: LiveHub, hints: Hints, owner: ReplicaId) -> Self {
        let inner = Inner {
            store,
            hub,
            hints,
            owner,
            entries: Mutex::default(),
            work: Notify::new(),
            hold_bytes: HOLD_BYTES.into(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Opens the journal of a generation that this replica owns.
    pub fn writer(&self, target: Target) -> Writer {
        Writer::open(self.inner.clone(), target)
    }

    /// Bytes of text of all answers that are not in the journal yet: much only while the database is away.
    pub fn held_bytes(&self) -> usize {
        self.inner.entries().values().map(|entry| entry.accumulator.held_bytes()).sum()
    }

    /// Another bound than [`HOLD_BYTES`] for each answer.
    pub fn hold_at_most(&self, bytes: usize) {
        self.inner.hold_bytes.store(bytes, Ordering::Relaxed);
    }

    /// The flusher: goes on until it is dropped.
    pub async fn run(self) {
        let mut last_flush = Instant::now();
        loop {
            self.inner.wait_for_work(last_flush).await;
            // From beginning to beginning: text must not wait for the pause and for the disk as well.
            last_flush = Instant::now();
            self.inner.flush().await;
        }
    }
}

impl Inner {
    fn entries(&self) -> MutexGuard<'_, BTreeMap<GenerationId, Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn wait_for_work(&self, last_flush: Instant) {
        let mut due = None;
        loop {
            match self.urgency() {
                Some(Urgency::Now) => return,
                Some(Urgency::Soon) => {
                    let due = *due
                        .get_or_insert_with(|| (last_flush + FLUSH_EVERY).max(Instant::now() + GATHER_FOR));
                    tokio::select! {
                        () = self.work.notified() => {}
                        () = tokio::time::sleep_until(due) => return,
                    }
                }
                None => self.work.notified().await,
            }
        }
    }

    fn urgency(&self) -> Option<Urgency> {
        let entries = self.entries();
        entries.values().filter(|entry| entry.accumulator.is_dirty()).map(|entry| entry.urgency).max()
    }

    /// Writes what has come together, however long that takes.
    async fn flush(&self) {
        let batch = self.seal();
        let mut backoff = Backoff::default();
        let (began, mut told) = (Instant::now(), false);
        while let Err(error) = self.write(&batch).await {
            if !is_outage(&error) {
                return self.write_one_by_one(batch).await;
            }
            if backoff.is_first() {
                tracing::warn!(%error, "the journal waits for the database");
            }
            if !told && began.elapsed() >= SILENT_FOR {
                told = true;
                self.tell_outage(&error);
            }
            backoff.wait_for(&self.store).await;
        }
    }

    /// One of the batch is at fault; alone it cannot fail the others.
    async fn write_one_by_one(&self, batch: Vec<Sealed>) {
        for one in batch {
            let one = [one];
            let mut backoff = Backoff::default();
            while let Err(error) = self.write(&one).await {
                if !is_outage(&error) {
                    let Target { user_id, generation_id, .. } = one[0].target;
                    tracing::error!(%error, user = %user_id, generation = %generation_id, "a chunk was refused");
                    self.close(one[0].target, WriteError::Refused);
                    break;
                }
                backoff.wait_for(&self.store).await;
            }
        }
    }

    fn seal(&self) -> Vec<Sealed> {
        let mut batch = Vec::new();
        let mut bytes = 0;
        for entry in self.entries().values_mut().filter(|entry| entry.accumulator.is_dirty()) {
            let chunks = entry.accumulator.seal().to_vec();
            entry.urgency = Urgency::Soon;
            bytes += chunks.iter().map(|chunk| chunk.text.len()).sum::<usize>();
            batch.push(Sealed { target: entry.target, chunks, waits_since: entry.waits_since.take() });
            if bytes >= BATCH_BYTES {
                break;
            }
        }
        batch
    }

    async fn write(&self, batch: &[Sealed]) -> Result<(), StoreError> {
        let rows: Vec<NewChunk> = batch.iter().flat_map(rows).collect();
        let lost = self.store.append_chunks(self.owner, &rows).await?;
        for sealed in batch {
            let id = sealed.target.generation_id;
            if lost.contains(&id) {
                self.close(sealed.target, WriteError::Lost);
            } else {
                self.committed(sealed.target);
                let waited = sealed.waits_since.map(|since| since.elapsed());
                tracing::trace!(generation = %id, chunks = sealed.chunks.len(), waited_us = waited.map(|t| t.as_micros()), "journaled");
            }
        }
        Ok(())
    }

    /// The text is durable: now it may be seen.
    fn committed(&self, target: Target) {
        let mut entries = self.entries();
        // The runner may have gone away meanwhile; the text is there, and readers find it in the journal.
        let Some(entry) = entry_of(&mut entries, target) else { return };
        for chunk in entry.accumulator.committed() {
            self.hub.publish(
                Topic::Conversation(target.conversation_id),
                LiveEvent::Stream(delta(target, chunk)),
            );
        }
        entry.state.send_replace(EntryState::Open);
        drop(entries);
        self.hints.moved(target.generation_id);
    }

    fn close(&self, target: Target, error: WriteError) {
        if let Some(entry) = entry_of(&mut self.entries(), target) {
            entry.accumulator.discard();
            entry.state.send_replace(EntryState::Closed(error));
        }
    }

    fn tell_outage(&self, error: &StoreError) {
        let error = match error {
            StoreError::StorageFull(_) => ApiError::new(
                ErrorCode::StorageFull,
                "The server has no room left to write. The answer goes on when there is room again.",
            ),
            _ => ApiError::new(
                ErrorCode::DatabaseUnavailable,
                "The database cannot be reached. The answer goes on when it is back.",
            ),
        };
        for entry in self.entries().values() {
            self.hub.publish(
                Topic::Conversation(entry.target.conversation_id),
                LiveEvent::Stream(StreamEvent::Error { generation_id: None, error: error.clone() }),
            );
        }
    }
}

/// The entry from which a batch came: a runner that took the generation over meanwhile has another one.
fn entry_of(entries: &mut BTreeMap<GenerationId, Entry>, target: Target) -> Option<&mut Entry> {
    entries.get_mut(&target.generation_id).filter(|entry| entry.target.epoch == target.epoch)
}

fn rows(sealed: &Sealed) -> impl Iterator<Item = NewChunk> + '_ {
    sealed.chunks.iter().map(|chunk| NewChunk {
        generation_id: sealed.target.generation_id,
        epoch: sealed.target.epoch,
        seq: chunk.seq,
        byte_offset: chunk.byte_offset,
        kind: chunk.kind,
        body: chunk.text.clone(),
        tokens: chunk.tokens.clone(),
    })
}

/// A chunk as readers get it.
fn delta(target: Target, chunk: Chunk) -> StreamEvent {
    StreamEvent::Delta {
        generation_id: target.generation_id,
        message_id: target.message_id,
        epoch: target.epoch,
        seq: chunk.seq,
        byte_offset: chunk.byte_offset,
        kind: chunk.kind,
        text: chunk.text,
    }
}
