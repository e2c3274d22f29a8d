//! The sequence states that are kept: which there are, which of them a prompt can go on from, and which have to go when
//! room is short.
//!
//! Owned by the scheduler; no I/O here. What has to be written or read is told as [`DiskJob`]s, and what came of it comes
//! back by [`States::hear`].
//!
//! A state is one user's or everybody's. [`Owner::Everybody`] has only the beginning of prompts, before any word of a
//! user, and serves only whole: whoever gets it has sent all of it, so nobody finds out piece by piece what others sent.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::slots::{WORTH_TOKENS, common_prefix};
use crate::decoder::StateTraits;
use crate::{StateBudget, Token, Whose};
pub(crate) use disk::{Disk, DiskJob, DiskNews, Found};
pub(crate) use entry::Entry;
use entry::Place;
use names::Names;
pub(crate) use writing::REST;

pub(crate) mod directory;
pub(crate) mod disk;
mod entry;
mod file;
mod names;
pub(crate) mod speed;
mod writing;

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
    /// These users', and found by the same user alone.
    One(Whose),
}

impl Owner {
    /// The user whose prompts alone may go on from it; none where everybody's may.
    fn user(self) -> Option<u128> {
        match self {
            Self::Everybody => None,
            Self::One(whose) => Some(whose.user),
        }
    }
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

/// Where a state of some size can be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Room {
    /// In memory, and on disk once it rests.
    Memory,
    /// Only in a file, which the decoder writes and reads itself: it is larger than all that memory may hold.
    File,
}

/// A state that is at hand.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// In memory.
    Memory(Arc<State>),
    /// In a file for the decoder, which has been found good.
    File { label: Arc<Label>, path: PathBuf },
}

impl Source {
    pub(crate) fn label(&self) -> &Label {
        match self {
            Self::Memory(state) => &state.label,
            Self::File { label, .. } => label,
        }
    }
}

/// All states of a worker.
#[derive(Debug)]
pub(crate) struct States {
    budget: StateBudget,
    names: Names,
    /// Whether a part of a user's state can be used.
    can_be_cut: bool,
    entries: BTreeMap<StateId, Entry>,
    last_id: StateId,
    uses: u64,
    memory_bytes: u64,
    jobs: Vec<DiskJob>,
}

impl States {
    /// Of the model that `traits` tell; `found` are those that were found on disk.
    pub(crate) fn new(budget: StateBudget, traits: StateTraits, mut found: Vec<disk::Kept>) -> Self {
        let mut states = Self {
            names: Names::new(&budget.directory, traits.identity),
            budget,
            can_be_cut: traits.can_be_cut,
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

    /// Where a state of this size could be kept, if at all.
    pub(crate) fn room_for(&self, size_bytes: u64) -> Option<Room> {
        if size_bytes == 0 {
            None
        } else if size_bytes <= self.budget.memory_bytes {
            Some(Room::Memory)
        } else {
            (size_bytes <= self.budget.disk_bytes).then_some(Room::File)
        }
    }

    /// Whether a part of a user's state can be used.
    pub(crate) fn can_be_cut(&self) -> bool {
        self.can_be_cut
    }

    /// Whether states can be kept on disk.
    pub(crate) fn has_disk(&self) -> bool {
        self.budget.disk_bytes > 0
    }

    /// Where the decoder is to write a state itself, before [`States::insert_file`].
    pub(crate) fn unfinished_file(&self, label: &Label) -> PathBuf {
        self.names.unfinished(label)
    }

    /// The state that saves the user most of reading `tokens`, of those that save enough to be worth it. One in memory
    /// where two save the same.
    pub(crate) fn find(&self, user: u128, tokens: &[Token]) -> Option<Match> {
        // The last token is always evaluated: only that gives the logits for the next one.
        let usable = tokens.get(..tokens.len().saturating_sub(1)).unwrap_or_default();
        let usable_of = |entry: &Entry| {
            let label = &entry.label;
            let common = common_prefix(&label.tokens, usable);
            match label.owner.user() {
                Some(owner) if owner != user => 0,
                Some(_) if self.can_be_cut => common,
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

    /// Whether this state would bring nothing new: another one of its user has its tokens.
    pub(crate) fn covers(&self, label: &Label) -> bool {
        let Label { owner, tokens } = label;
        self.entries.values().any(|entry| {
            let held = &entry.label.tokens;
            let is_part = *owner != Owner::Everybody && self.can_be_cut && held.starts_with(tokens);
            entry.label.owner.user() == owner.user() && (is_part || held == tokens)
        })
    }

    /// Forgets what was read for these, and has their files deleted.
    pub(crate) fn forget(&mut self, whose: Whose) {
        let is_theirs = |owner| matches!(owner, Owner::One(one) if whose.includes(one));
        let entries = self.entries.iter().filter(|(_, entry)| is_theirs(entry.label.owner));
        for id in entries.map(|(id, _)| *id).collect::<Vec<StateId>>() {
            self.remove(id);
        }
    }

    /// Keeps a state, unless there is no room even without those that may go. It takes the place of those of its user that
    /// it continues; what of them is on disk stays there until this one is too.
    pub(crate) fn insert(&mut self, state: State, now: Duration) {
        self.expire(now);
        for id in self.continued_by(&state.label) {
            self.give_way(id);
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

    /// Keeps a state that the decoder has written into [`States::unfinished_file`].
    pub(crate) fn insert_file(&mut self, label: Label, now: Duration) {
        self.expire(now);
        for id in self.continued_by(&label) {
            self.give_way(id);
        }
        let label = Arc::new(label);
        let id = self.add(Entry::in_file_only(Arc::clone(&label), now));
        self.jobs.push(DiskJob::Finish { id, label });
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
    pub(crate) fn hear(&mut self, news: DiskNews, now: Duration) -> Option<(StateId, Option<Source>)> {
        match news {
            DiskNews::Written { id, is_written } => {
                self.note_written(id, is_written);
                None
            }
            DiskNews::Read { id, found } => Some((id, self.take_read(id, found, now))),
        }
    }

    fn take_read(&mut self, id: StateId, found: Option<Found>, now: Duration) -> Option<Source> {
        let (Some(found), Some(entry)) = (found, self.entries.get_mut(&id)) else {
            // The file is lost already.
            self.drop_entry(id);
            return None;
        };
        self.uses += 1;
        entry.is_being_read = false;
        entry.note_use(self.uses, now);
        let label = Arc::clone(&entry.label);
        let bytes = match found {
            Found::File(path) => return Some(Source::File { label, path }),
            Found::Bytes(bytes) => bytes,
        };
        let state = Arc::new(State { label, bytes });
        let size_bytes = state.size_bytes();
        if self.make_room(size_bytes)
            && let Some(entry) = self.entries.get_mut(&id)
        {
            self.memory_bytes += size_bytes;
            entry.state = Some(Arc::clone(&state));
        }
        Some(Source::Memory(state))
    }

    /// The states that one with this label makes superfluous: it begins with all of their tokens. Where states serve only
    /// whole, the longest of them stays: a prompt may go on from there that does not go on from this one.
    fn continued_by(&self, label: &Label) -> Vec<StateId> {
        let Label { owner, tokens } = label;
        let is_continued = |entry: &Entry| {
            let held = &entry.label.tokens;
            let is_beginning = *owner != Owner::Everybody && tokens.starts_with(held);
            entry.label.owner.user() == owner.user() && (held == tokens || is_beginning)
        };
        let continued = || self.entries.iter().filter(|(_, entry)| is_continued(entry));
        let shorter = continued().filter(|(_, entry)| entry.label.tokens.len() < tokens.len());
        let longest = shorter.max_by_key(|(_, entry)| entry.label.tokens.len()).map(|(id, _)| *id);
        let stays = longest.filter(|_| !self.can_be_cut);
        continued().map(|(id, _)| *id).filter(|id| Some(*id) != stays).collect()
    }

    /// Forgets a state, or only what of it is in memory where the disk has it too.
    fn give_way(&mut self, id: StateId) {
        match self.entries.get(&id).map(|entry| entry.place) {
            Some(Place::Disk) => self.drop_from_memory(id),
            Some(Place::Memory | Place::BeingWritten | Place::Refused) => self.remove(id),
            None => {}
        }
    }

    fn add(&mut self, mut entry: Entry) -> StateId {
        if self.entries.len() >= STATES_MAX {
            let oldest = self.entries.iter().min_by_key(|(_, entry)| entry.last_use).map(|(id, _)| *id);
            oldest.into_iter().for_each(|id| self.remove(id));
        }
        self.last_id += 1;
        self.uses += 1;
        entry.last_use = self.uses;
        self.entries.insert(self.last_id, entry);
        self.last_id
    }

    /// Drops from memory what is longest unused, until so many bytes fit in. What has not been written stays, where it can
    /// be: `spill` sees to it that there is always some room.
    fn make_room(&mut self, size_bytes: u64) -> bool {
        while self.memory_bytes + size_bytes > self.budget.memory_bytes {
            let is_safe = |place: Place| matches!(place, Place::Disk | Place::Refused);
            let may_go = |entry: &&Entry| entry.in_memory() && (is_safe(entry.place) || !self.has_disk());
            let entries = self.entries.iter().filter(|(_, entry)| may_go(entry));
            let Some(id) = entries.min_by_key(|(_, entry)| entry.last_use).map(|(id, _)| *id) else {
                return false;
            };
            self.drop_from_memory(id);
        }
        true
    }

    fn expire(&mut self, now: Duration) {
        let is_old = |entry: &Entry| entry.age(now) > self.budget.max_age;
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
            if !entry.place.has_file() {
                self.entries.remove(&id);
            }
        }
    }

    /// Forgets a state that is nowhere else.
    fn drop_entry(&mut self, id: StateId) -> Option<Entry> {
        let entry = self.entries.remove(&id)?;
        self.memory_bytes -= entry.size_bytes();
        Some(entry)
    }

    /// Forgets a state and has its file deleted.
    pub(crate) fn remove(&mut self, id: StateId) {
        if let Some(entry) = self.drop_entry(id)
            && entry.place.has_file()
        {
            self.jobs.push(DiskJob::Delete { label: entry.label });
        }
    }
}
