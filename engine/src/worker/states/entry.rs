//! What is known of one state.

use std::sync::Arc;
use std::time::Duration;

use super::disk::Kept;
use super::{Label, State};

/// Where the bytes of a state are safe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Nowhere but in memory.
    Memory,
    /// On the way to the disk; still in memory, unless the decoder writes it.
    BeingWritten,
    /// On disk, and perhaps in memory too.
    Disk,
    /// Nowhere but in memory: the disk would not take it.
    Refused,
}

impl Place {
    /// Whether there may be a file.
    pub(super) fn has_file(self) -> bool {
        matches!(self, Self::BeingWritten | Self::Disk)
    }
}

/// One state of [`super::States`].
#[derive(Debug)]
pub(crate) struct Entry {
    pub(super) label: Arc<Label>,
    /// Where it is in memory.
    pub(super) state: Option<Arc<State>>,
    pub(super) place: Place,
    pub(super) is_being_read: bool,
    /// Grows from use to use of all states.
    pub(super) last_use: u64,
    used_at: Duration,
    /// How long before the worker's time began it had been used last, and not since.
    age_before: Duration,
}

impl Entry {
    pub(super) fn on_disk(kept: Kept) -> Self {
        Self {
            label: Arc::new(kept.label),
            state: None,
            place: Place::Disk,
            is_being_read: false,
            last_use: 0,
            used_at: Duration::ZERO,
            age_before: kept.age,
        }
    }

    pub(super) fn in_memory_only(state: State, now: Duration) -> Self {
        Self {
            label: Arc::clone(&state.label),
            state: Some(Arc::new(state)),
            place: Place::Memory,
            is_being_read: false,
            last_use: 0,
            used_at: now,
            age_before: Duration::ZERO,
        }
    }

    /// One that the decoder has written into a file, because memory has no room for it.
    pub(super) fn in_file_only(label: Arc<Label>, now: Duration) -> Self {
        Self {
            label,
            state: None,
            place: Place::BeingWritten,
            is_being_read: false,
            last_use: 0,
            used_at: now,
            age_before: Duration::ZERO,
        }
    }

    pub(super) fn in_memory(&self) -> bool {
        self.state.is_some()
    }

    /// What it takes in memory.
    pub(super) fn size_bytes(&self) -> u64 {
        self.state.as_ref().map_or(0, |state| state.size_bytes())
    }

    pub(super) fn note_use(&mut self, use_number: u64, now: Duration) {
        self.last_use = use_number;
        self.used_at = now;
        self.age_before = Duration::ZERO;
    }

    /// For how long nobody has used it.
    pub(super) fn age(&self, now: Duration) -> Duration {
        self.age_before + now.saturating_sub(self.used_at)
    }
}
