//! The runner's end of the journal.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use shared::{ChunkKind, GenerationId};
use store::Assembled;
use tokio::sync::watch;
use tokio::time::Instant;

use super::{Accumulator, Entry, EntryState, Inner, Target, Urgency};

/// Why text could not be written. Trying again cannot help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// Another replica owns the generation now, or it has ended.
    #[error("another replica owns the generation")]
    Lost,
    /// The database refused this text; the log says why.
    #[error("the database refused the text")]
    Refused,
}

/// Appends the text of one generation. What was not flushed when it is dropped is never written.
pub struct Writer {
    inner: Arc<Inner>,
    id: GenerationId,
    state: watch::Receiver<EntryState>,
}

impl Writer {
    pub(super) fn open(inner: Arc<Inner>, target: Target) -> Self {
        let (sender, state) = watch::channel(EntryState::Open);
        let id = target.generation_id;
        let entry = Entry {
            target,
            accumulator: Accumulator::default(),
            urgency: Urgency::Soon,
            waits_since: None,
            state: sender,
        };
        inner.entries().insert(id, entry);
        Self { inner, id, state }
    }

    /// Goes on behind what is in the journal already. To be called before anything is appended.
    pub fn go_on_after(&self, written: &Assembled) {
        if let Some(entry) = self.inner.entries().get_mut(&self.id) {
            entry.accumulator = Accumulator::after(written);
        }
    }

    /// Takes whole tokens and their text. Waits while the database is away and as much as may be held is held.
    pub async fn append(&mut self, kind: ChunkKind, text: &str, tokens: &[i32]) -> Result<(), WriteError> {
        loop {
            self.check()?;
            if self.try_append(kind, text, tokens) {
                return Ok(());
            }
            self.changed().await?;
        }
    }

    /// Waits until everything appended is in the journal; returns its last chunk, 0 where there is none.
    pub async fn flush(&mut self) -> Result<u32, WriteError> {
        loop {
            self.check()?;
            if let Some(committed_seq) = self.settled() {
                return self.check().map(|()| committed_seq);
            }
            self.changed().await?;
        }
    }

    /// The last chunk that is in the journal; 0 where there is none.
    pub fn written_seq(&self) -> u32 {
        self.inner.entries().get(&self.id).map_or(0, |entry| entry.accumulator.committed_seq())
    }

    /// Ends when another replica has taken the generation over, or its text was refused. Cancel-safe.
    pub async fn closed(&self) -> WriteError {
        let mut state = self.state.clone();
        match state.wait_for(|state| matches!(state, EntryState::Closed(_))).await.map(|state| *state) {
            Ok(EntryState::Closed(error)) => error,
            _ => WriteError::Lost,
        }
    }

    fn try_append(&self, kind: ChunkKind, text: &str, tokens: &[i32]) -> bool {
        let mut entries = self.inner.entries();
        let Some(entry) = entries.get_mut(&self.id) else { return true };
        if entry.accumulator.held_bytes() >= self.inner.hold_bytes.load(Ordering::Relaxed) {
            return false;
        }
        let urgency = entry.accumulator.push(kind, text, tokens);
        entry.urgency = entry.urgency.max(urgency);
        entry.waits_since.get_or_insert_with(Instant::now);
        drop(entries);
        self.inner.work.notify_one();
        true
    }

    /// The last chunk, if everything is in the journal; otherwise asks for what is left to be written at once.
    fn settled(&self) -> Option<u32> {
        let mut entries = self.inner.entries();
        let entry = entries.get_mut(&self.id)?;
        if !entry.accumulator.is_dirty() {
            return Some(entry.accumulator.committed_seq());
        }
        entry.urgency = Urgency::Now;
        drop(entries);
        self.inner.work.notify_one();
        None
    }

    /// Marks the state as seen, so that [`changed`](Self::changed) waits for a later one.
    fn check(&mut self) -> Result<(), WriteError> {
        match *self.state.borrow_and_update() {
            EntryState::Open => Ok(()),
            EntryState::Closed(error) => Err(error),
        }
    }

    async fn changed(&mut self) -> Result<(), WriteError> {
        self.state.changed().await.map_err(|_gone| WriteError::Lost)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.inner.entries().remove(&self.id);
    }
}
