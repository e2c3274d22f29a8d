//! Brings to disk what rests, so that a crash costs no conversation that was not just being answered: first what the slots
//! hold is saved to memory, then what is in memory is written.
//!
//! Called by [`super::super::serve`] while there is nothing to do, and behind each step.

use std::time::Duration;

use super::Scheduler;
use crate::decoder::Decoder;
use crate::worker::request::Stream;
use crate::worker::states::{REST, Room};

/// Beside running streams one state in so long is saved or written: a few percent of a core, and of a disk, on the
/// machines that hold states of hundreds of megabytes.
const PAUSE: Duration = Duration::from_secs(2);

impl<D: Decoder> Scheduler<D> {
    /// Does at most one thing, and only what running streams do not notice. Answers when there may be more to do; none
    /// where nothing will be unless something happens.
    pub(crate) fn save_resting(&mut self) -> Option<Duration> {
        let now = (self.clock)();
        let is_beside_streams = self.running.values().any(Stream::takes_part);
        if is_beside_streams && now < self.rests_until {
            return Some(self.rests_until);
        }
        self.rests_until = now + PAUSE;
        let unsaved = self.slots.unsaved();
        let rested = unsaved.iter().filter(|(since, _)| *since + REST <= now).map(|(_, slot)| *slot);
        for slot in rested {
            if !is_beside_streams || self.is_saved_unnoticed(slot) {
                self.slots.note_saved(slot);
                if self.is_worth_saving_early(slot) {
                    self.save_lost(slot, 0);
                }
                return Some(now);
            }
        }
        let next_slot = unsaved.iter().map(|(since, _)| *since + REST).find(|rested| *rested > now);
        let next_state = self.states.write_rested(now);
        next_slot.into_iter().chain(next_state).min()
    }

    fn is_saved_unnoticed(&self, slot: usize) -> bool {
        let size_bytes = self.decoder.state_bytes(slot as u32);
        self.states.room_for(size_bytes) != Some(Room::File) && self.speed.is_unnoticed(size_bytes)
    }

    /// Without a disk, a slot is saved when it is given away; but not if that will take too long then.
    fn is_worth_saving_early(&self, slot: usize) -> bool {
        self.states.has_disk() || !self.speed.has_time_for(self.decoder.state_bytes(slot as u32))
    }
}
