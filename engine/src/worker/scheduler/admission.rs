//! Who gets a slot, and what of its prompt need not be read again.

use super::Scheduler;
use crate::decoder::Decoder;
use crate::protocol::News;
use crate::worker::request::{Awaited, Stream};
use crate::worker::slots::{Placement, WORTH_TOKENS};
use crate::worker::states::{Room, StateId};
use crate::worker::waiting::Queued;
use crate::{GenerationError, Priority};

impl<D: Decoder> Scheduler<D> {
    /// Gives slots to the requests whose turn it is. A chat that finds none takes that of a side job, which goes on
    /// later; a side job runs alone of its kind and only while no chat waits.
    pub(super) fn admit(&mut self) {
        while let Some(id) = self.waiting.next(Priority::Chat) {
            if self.speed.is_spent() && self.is_anybody_answering() {
                return;
            }
            if !self.slots.has_idle() && !self.pause_side_job() {
                return;
            }
            self.start(id);
        }
        if self.slots.has_idle()
            && self.side_job().is_none()
            && let Some(id) = self.waiting.next(Priority::Side)
        {
            self.start(id);
        }
    }

    /// Whether anybody who waits would get a slot now.
    pub(super) fn can_admit(&self) -> bool {
        let has_idle = self.slots.has_idle();
        let has_side_job = self.side_job().is_some();
        let chat = has_idle || has_side_job;
        let side = has_idle && !has_side_job;
        (chat && self.waiting.next(Priority::Chat).is_some())
            || (side && self.waiting.next(Priority::Side).is_some())
    }

    /// Tells those who wait how many are before them, where that has changed.
    pub(super) fn tell_places(&mut self) {
        let order = [Priority::Chat, Priority::Side].map(|priority| self.waiting.order(priority));
        for (place, id) in (1..).zip(order.into_iter().flatten()) {
            let Some(request) = self.waiting.get_mut(id) else { continue };
            let has_begun = request.cached.is_some();
            if !has_begun && request.told_place != Some(place) {
                request.told_place = Some(place);
                self.tell(id, News::Queued { place });
            }
        }
    }

    fn side_job(&self) -> Option<usize> {
        let mut running = self.running.iter();
        running.find(|(_, stream)| stream.request.priority() == Priority::Side).map(|(slot, _)| *slot)
    }

    fn pause_side_job(&mut self) -> bool {
        let paused = self.side_job().and_then(|slot| self.take_from_slot(slot));
        let has_paused = paused.is_some();
        if let Some(request) = paused {
            self.waiting.insert(request.id, request);
        }
        has_paused
    }

    fn start(&mut self, id: u64) {
        let Some(request) = self.waiting.take_turn(id) else { return };
        let saved = self.states.find(request.user(), &request.tokens);
        let restorable = saved.map_or(0, |saved| saved.tokens);
        let can_save = |slot: usize| {
            let size_bytes = self.decoder.state_bytes(slot as u32);
            self.states.room_for(size_bytes) == Some(Room::Memory) && self.speed.has_time_for(size_bytes)
        };
        let place = self.slots.place(request.holder(), &request.tokens, restorable, can_save);
        let Some(placement) = place else {
            self.waiting.insert(id, request);
            return;
        };
        let slot = placement.slot;
        let stays = placement.prefix.filter(|(from, _)| *from == slot).map_or(0, |(_, length)| length);
        self.save_lost(slot, stays);
        let kept = self.reuse(&placement);
        self.slots.occupy(slot, request.holder(), &[]);
        let begun = self.decoder.begin(slot as u32, &request.sampling, request.answer());
        let known = kept.max(restorable);
        let is_worth_waiting = known + WORTH_TOKENS <= request.shared().len();
        let awaits = (is_worth_waiting && self.is_being_read(request.shared())).then_some(Awaited::Prefix);
        self.running.insert(slot, Stream { awaits, ..Stream::new(request, 0) });
        if let Err(error) = begun {
            return self.fail(slot, GenerationError::Internal { message: error.message });
        }
        match saved {
            _ if awaits.is_some() => self.decoder.clear(slot as u32),
            Some(saved) if saved.tokens >= kept + WORTH_TOKENS => self.restore_or_wait(slot, saved.id),
            _ => self.begin_reading(slot, kept),
        }
    }

    pub(super) fn restore_or_wait(&mut self, slot: usize, id: StateId) {
        match self.restore_by_id(slot, id) {
            Some(kept) => self.begin_reading(slot, kept),
            None => {
                self.decoder.clear(slot as u32);
                if let Some(stream) = self.running.get_mut(&slot) {
                    stream.awaits = Some(Awaited::State(id));
                }
            }
        }
    }

    /// Brings the common prefix into the slot; answers how many tokens of it are there.
    fn reuse(&mut self, placement: &Placement) -> usize {
        let slot = placement.slot;
        let held = self.slots.held_tokens(slot);
        let kept = match placement.prefix {
            Some((from, length)) if from == slot && length == held => return length,
            Some((from, length)) if from == slot => self.decoder.keep_prefix(slot as u32, length as u32),
            Some((from, length)) => self.decoder.copy_prefix(from as u32, slot as u32, length as u32),
            None => 0,
        };
        if kept == 0 {
            self.decoder.clear(slot as u32);
        }
        kept as usize
    }
}
