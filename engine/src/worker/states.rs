//! The sequence states that are kept: which there are, which of them a prompt can go on from, and which have to go when
//! room is short.
//!
//! Owned by the scheduler; no I/O here. What has to be written or read is told as [`DiskJob`]s, and what came of it comes
//! back by [`States::hear`].
//!
//! A state is one user's or everybody's. [`Owner::Everybody`] has only the beginning of prompts, before any word of a
//! user, and serves only whole: whoever gets it has sent all of it, so nobody finds out piece by piece what others sent.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::slots::{WORTH_TOKENS, common_prefix};
use crate::Token;
pub(crate) use disk::{Disk, DiskJob, DiskNews};
pub(crate) use entry::Entry;
use entry::Place;

pub(crate) mod directory;
pub(crate) mod disk;
mod entry;
mod file;
pub(crate) mod speed;

/// Most states that are known at a time, in memory and on disk: their tokens lie in memory, and each prompt is compared
/// with all of its user's.
const STATES_MAX: usize = 1_024;

/// What tells the states of one model, as it is loaded, from all others.
pub(crate) type Identity = [u8; 32];

/// Numbers states within one worker.
pub(crate) type StateId = u64;

/// Whose prompts may go on from a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Owner {
    /// Holds nothing but what comes before any word of a user.
    Everybody,
    /// This user's alone.
    User(u128),
}

/// What a state is the state of.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Label {
    pub(crate) owner: Owner,
    pub(crate) tokens: Vec<Token>,
}

/// A sequence state as the decoder gave it.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) label: Arc<Label>,
    pub(crate) bytes: Vec<u8>,
}

impl State {
    /// What it takes in memory.
    pub(crate) fn size_bytes(&self) -> u64 {
        (self.bytes.len() + size_of_val(self.label.tokens.as_slice())) as u64
    }
}

/// A state from which a prompt can go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Match {
    pub(crate) id: StateId,
    /// How many tokens of the prompt it saves reading.
    pub(crate) tokens: usize,
}

/// How much may be kept, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    pub(crate) memory_bytes: u64,
    /// Whether states that memory has no room for can be written somewhere.
    pub(crate) has_disk: bool,
    /// A state that nobody used for so long is forgotten.
    pub(crate) max_age: Duration,
}

/// All states of a worker.
#[derive(Debug)]
pub(crate) struct States {
    limits: Limits,
    /// Whether a part of a user's state can be used.
    can_be_cut: bool,
    entries: BTreeMap<StateId, Entry>,
    last_id: StateId,
    uses: u64,
    memory_bytes: u64,
    jobs: Vec<DiskJob>,
}

impl States {
    /// `found` are those that were found on disk.
    pub(crate) fn new(limits: Limits, can_be_cut: bool, mut found: Vec<disk::Kept>) -> Self {
        let mut states = Self {
            limits,
            can_be_cut,
            entries: BTreeMap::new(),
            last_id: 0,
            uses: 0,
            memory_bytes: 0,
            jobs: Vec::new(),
        };
        found.sort_by_key(|kept| std::cmp::Reverse(kept.age));
        for kept in found {
            states.add(Entry::on_disk(kept));
        }
        states
    }

    /// What came up for the disk since the last call, in order.
    pub(crate) fn take_jobs(&mut self) -> Vec<DiskJob> {
        std::mem::take(&mut self.jobs)
    }

    /// What the states in memory take.
    #[cfg(test)]
    pub(crate) fn memory_bytes(&self) -> u64 {
        self.memory_bytes
    }

    /// Whether a state of this size could be kept at all.
    pub(crate) fn takes(&self, size_bytes: u64) -> bool {
        (1..=self.limits.memory_bytes).contains(&size_bytes)
    }

    /// The state that saves the user most of reading `tokens`, of those that save enough to be worth it. One in memory
    /// where two save the same.
    pub(crate) fn find(&self, user: u128, tokens: &[Token]) -> Option<Match> {
        // The last token is always evaluated: only that gives the logits for the next one.
        let usable = tokens.get(..tokens.len().saturating_sub(1)).unwrap_or_default();
        let usable_of = |entry: &Entry| {
            let label = &entry.label;
            let common = common_prefix(&label.tokens, usable);
            match label.owner {
                Owner::User(owner) if owner != user => 0,
                Owner::User(_) if self.can_be_cut => common,
                _ if common == label.tokens.len() => common,
                _ => 0,
            }
        };
        let candidates = self.entries.iter().map(|(id, entry)| (usable_of(entry), entry.in_memory(), *id));
        let (tokens, _, id) = candidates.filter(|(tokens, ..)| *tokens >= WORTH_TOKENS).max()?;
        Some(Match { id, tokens })
    }

    /// Whether everybody can go on from exactly these tokens.
    pub(crate) fn find_shared(&self, tokens: &[Token]) -> Option<StateId> {
        let is_it = |entry: &Entry| entry.label.owner == Owner::Everybody && entry.label.tokens == tokens;
        self.entries.iter().find(|(_, entry)| is_it(entry)).map(|(id, _)| *id)
    }

    /// Whether a state of these tokens would bring nothing new.
    pub(crate) fn covers(&self, owner: Owner, tokens: &[Token]) -> bool {
        self.entries.values().any(|entry| {
            let held = &entry.label.tokens;
            let is_part = owner != Owner::Everybody && self.can_be_cut && held.starts_with(tokens);
            entry.label.owner == owner && (is_part || held == tokens)
        })
    }

    /// Keeps a state, unless there is no room even without those that may go. It takes the place of those of its user that
    /// it continues.
    pub(crate) fn insert(&mut self, state: State, now: Duration) {
        self.expire(now);
        let Label { owner, tokens } = &*state.label;
        let is_continued = |entry: &Entry| {
            let held = &entry.label.tokens;
            entry.label.owner == *owner
                && (held == tokens || (*owner != Owner::Everybody && tokens.starts_with(held)))
        };
        let continued: Vec<StateId> =
            self.entries.iter().filter(|(_, entry)| is_continued(entry)).map(|(id, _)| *id).collect();
        for id in continued {
            self.remove(id);
        }
        let size_bytes = state.size_bytes();
        if !self.make_room(size_bytes) {
            tracing::debug!(size_bytes, "there is no room for a sequence state");
            return;
        }
        self.memory_bytes += size_bytes;
        self.add(Entry::in_memory_only(state, now));
        self.spill(size_bytes, now);
    }

    /// A state that is in memory, for use.
    pub(crate) fn in_memory(&mut self, id: StateId, now: Duration) -> Option<Arc<State>> {
        self.uses += 1;
        let entry = self.entries.get_mut(&id)?;
        let state = entry.state.clone()?;
        entry.note_use(self.uses, now);
        if entry.place == Place::Disk {
            self.jobs.push(DiskJob::Touch { label: Arc::clone(&entry.label) });
        }
        Some(state)
    }

    /// Asks for a state that is on disk. It comes through [`States::hear`].
    pub(crate) fn fetch(&mut self, id: StateId) {
        if let Some(entry) = self.entries.get_mut(&id)
            && !entry.is_being_read
        {
            entry.is_being_read = true;
            self.jobs.push(DiskJob::Read { id, label: Arc::clone(&entry.label) });
        }
    }

    /// The disk has done a job. Answers with the state that was asked for, if that was it; none where it is lost.
    pub(crate) fn hear(&mut self, news: DiskNews, now: Duration) -> Option<(StateId, Option<Arc<State>>)> {
        match news {
            DiskNews::Written { id, is_written } => {
                if is_written && let Some(entry) = self.entries.get_mut(&id) {
                    entry.place = Place::Disk;
                } else {
                    self.remove(id);
                }
                None
            }
            DiskNews::Read { id, bytes } => Some((id, self.take_read(id, bytes, now))),
        }
    }

    /// Has all that is only in memory written, the newest first.
    pub(crate) fn flush(&mut self, now: Duration) {
        self.expire(now);
        while let Some(id) = self.unwritten().max_by_key(|(_, entry)| entry.last_use).map(|(id, _)| id) {
            self.write(id, now);
        }
    }

    fn take_read(&mut self, id: StateId, bytes: Option<Vec<u8>>, now: Duration) -> Option<Arc<State>> {
        let (Some(bytes), Some(entry)) = (bytes, self.entries.get_mut(&id)) else {
            // The file is lost already.
            self.forget(id);
            return None;
        };
        self.uses += 1;
        entry.is_being_read = false;
        entry.note_use(self.uses, now);
        let state = Arc::new(State { label: Arc::clone(&entry.label), bytes });
        let size_bytes = state.size_bytes();
        if self.make_room(size_bytes)
            && let Some(entry) = self.entries.get_mut(&id)
        {
            self.memory_bytes += size_bytes;
            entry.state = Some(Arc::clone(&state));
        }
        Some(state)
    }

    fn add(&mut self, mut entry: Entry) {
        if self.entries.len() >= STATES_MAX {
            let oldest = self.entries.iter().min_by_key(|(_, entry)| entry.last_use).map(|(id, _)| *id);
            oldest.into_iter().for_each(|id| self.remove(id));
        }
        self.last_id += 1;
        self.uses += 1;
        entry.last_use = self.uses;
        self.entries.insert(self.last_id, entry);
    }

    /// Drops from memory what is longest unused, until so many bytes fit in. What has not been written stays, where it can
    /// be: [`States::spill`] sees to it that there is always some room.
    fn make_room(&mut self, size_bytes: u64) -> bool {
        while self.memory_bytes + size_bytes > self.limits.memory_bytes {
            let may_go =
                |entry: &&Entry| entry.in_memory() && (entry.place == Place::Disk || !self.limits.has_disk);
            let entries = self.entries.iter().filter(|(_, entry)| may_go(entry));
            let Some(id) = entries.min_by_key(|(_, entry)| entry.last_use).map(|(id, _)| *id) else {
                return false;
            };
            self.drop_from_memory(id);
        }
        true
    }

    /// Has the longest unused written until a quarter of the memory, and another state of this size, would find room at
    /// once: writing takes time, and a slot that is given away cannot wait for it.
    fn spill(&mut self, size_bytes: u64, now: Duration) {
        if !self.limits.has_disk {
            return;
        }
        let most = self.limits.memory_bytes - size_bytes.max(self.limits.memory_bytes / 4);
        while self.unwritten().map(|(_, entry)| entry.size_bytes()).sum::<u64>() > most {
            let oldest = self.unwritten().min_by_key(|(_, entry)| entry.last_use).map(|(id, _)| id);
            oldest.into_iter().for_each(|id| self.write(id, now));
        }
    }

    fn unwritten(&self) -> impl Iterator<Item = (StateId, &Entry)> {
        self.entries.iter().filter(|(_, entry)| entry.place == Place::Memory).map(|(id, entry)| (*id, entry))
    }

    fn write(&mut self, id: StateId, now: Duration) {
        if let Some(entry) = self.entries.get_mut(&id)
            && let Some(state) = &entry.state
        {
            entry.place = Place::BeingWritten;
            self.jobs.push(DiskJob::Write { id, state: Arc::clone(state), age: entry.age(now) });
        }
    }

    fn expire(&mut self, now: Duration) {
        let is_old = |entry: &Entry| entry.age(now) > self.limits.max_age;
        let old: BTreeSet<StateId> =
            self.entries.iter().filter(|(_, entry)| is_old(entry)).map(|(id, _)| *id).collect();
        for id in old {
            self.remove(id);
        }
    }

    fn drop_from_memory(&mut self, id: StateId) {
        if let Some(entry) = self.entries.get_mut(&id) {
            self.memory_bytes -= entry.size_bytes();
            entry.state = None;
            if entry.place == Place::Memory {
                self.entries.remove(&id);
            }
        }
    }

    /// Forgets a state that is nowhere else.
    fn forget(&mut self, id: StateId) -> Option<Entry> {
        let entry = self.entries.remove(&id)?;
        self.memory_bytes -= entry.size_bytes();
        Some(entry)
    }

    /// Forgets a state and has its file deleted.
    pub(crate) fn remove(&mut self, id: StateId) {
        if let Some(entry) = self.forget(id)
            && entry.place != Place::Memory
        {
            self.jobs.push(DiskJob::Delete { label: entry.label });
        }
    }
}
