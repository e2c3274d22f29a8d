//! Which states are written to disk, and when: what rests, one at a time; what memory will soon have no room for, at once;
//! and at the end of the worker everything.

use std::sync::Arc;
use std::time::Duration;

use super::disk::DiskJob;
use super::entry::{Entry, Place};
use super::{StateId, States};

/// A state that nobody used for so long is written: shorter, and a quick reader's next question makes the file useless;
/// longer, and a crash costs more.
pub(crate) const REST: Duration = Duration::from_secs(2);

impl States {
    /// Has the state written that rests longest, if one rests and none is being written. Answers when there may be
    /// another one to write; none where that is told by the disk, or by a new state.
    pub(crate) fn write_rested(&mut self, now: Duration) -> Option<Duration> {
        if !self.has_disk() || self.is_writing() {
            return None;
        }
        let (id, age) =
            self.unwritten().map(|(id, entry)| (id, entry.age(now))).max_by_key(|(_, age)| *age)?;
        if age < REST {
            return Some(now + (REST - age));
        }
        self.write(id, now);
        None
    }

    /// Has all that is only in memory written, the newest first.
    pub(crate) fn flush(&mut self, now: Duration) {
        self.expire(now);
        while let Some(id) = self.unwritten().max_by_key(|(_, entry)| entry.last_use).map(|(id, _)| id) {
            self.write(id, now);
        }
    }

    /// The disk has written a state, or could not. Only now those can go that it continues.
    pub(super) fn note_written(&mut self, id: StateId, is_written: bool) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        if !is_written {
            entry.place = Place::Refused;
            if !entry.in_memory() {
                self.drop_entry(id);
            }
            return;
        }
        entry.place = Place::Disk;
        let label = Arc::clone(&entry.label);
        for continued in self.continued_by(&label).into_iter().filter(|continued| *continued != id) {
            let has_same_file = self.entries.get(&continued).is_some_and(|entry| entry.label == label);
            if has_same_file {
                self.drop_entry(continued);
            } else {
                self.remove(continued);
            }
        }
    }

    /// Has the longest unused written until a quarter of the memory, and another state of this size, would find room at
    /// once: writing takes time, and a slot that is given away cannot wait for it.
    pub(super) fn spill(&mut self, size_bytes: u64, now: Duration) {
        if !self.has_disk() {
            return;
        }
        let most = self.budget.memory_bytes - size_bytes.max(self.budget.memory_bytes / 4);
        while self.unwritten().map(|(_, entry)| entry.size_bytes()).sum::<u64>() > most {
            let oldest = self.unwritten().min_by_key(|(_, entry)| entry.last_use).map(|(id, _)| id);
            oldest.into_iter().for_each(|id| self.write(id, now));
        }
    }

    /// Whether a state is on its way to the disk.
    pub(crate) fn is_writing(&self) -> bool {
        self.entries.values().any(|entry| entry.place == Place::BeingWritten)
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
}
