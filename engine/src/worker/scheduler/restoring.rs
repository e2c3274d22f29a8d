//! What is saved of slots, and what is brought back into them, so that nothing is read twice.
//!
//! Saving and restoring hold up the step that they happen in: beside running streams only as long as [`StateSpeed`] allows.
//!
//! [`StateSpeed`]: crate::worker::states::speed::StateSpeed

use std::sync::Arc;

use super::Scheduler;
use crate::decoder::Decoder;
use crate::protocol::News;
use crate::worker::request::{Awaited, Stream};
use crate::worker::slots::{WORTH_TOKENS, common_prefix};
use crate::worker::states::{DiskJob, DiskNews, Label, Owner, Room, Source, State, StateId};
use crate::{Priority, Token, Whose};

impl<D: Decoder> Scheduler<D> {
    /// What came up for the disk since the last call, in order.
    pub(crate) fn take_disk_jobs(&mut self) -> Vec<DiskJob> {
        self.states.take_jobs()
    }

    /// The disk has done a job.
    pub(crate) fn hear_disk(&mut self, news: DiskNews) {
        let Some((id, source)) = self.states.hear(news, (self.clock)()) else { return };
        let waits = |awaits: Option<Awaited>| awaits == Some(Awaited::State(id));
        let slots: Vec<usize> =
            self.running.iter().filter(|(_, stream)| waits(stream.awaits)).map(|(slot, _)| *slot).collect();
        for slot in slots {
            match &source {
                Some(source) => {
                    let kept = self.restore(slot, id, source);
                    self.begin_reading(slot, kept);
                }
                // There may be another one.
                None => self.put_back(slot),
            }
        }
    }

    /// Whether a state is on its way to the disk.
    pub(crate) fn is_writing(&self) -> bool {
        self.states.is_writing()
    }

    /// Keeps nothing of these: not in memory, not on disk, and of streams that are running not when they end.
    pub(crate) fn forget(&mut self, whose: Whose) {
        self.states.forget(whose);
        for slot in self.slots.forget(whose) {
            self.clear(slot);
        }
    }

    /// The slots that hold something of a chat, the most important first.
    pub(crate) fn slots_to_save(&self) -> Vec<usize> {
        self.slots.of_chats()
    }

    /// Has all states written, and before them that of the chat in `slot`: the worker is about to end.
    pub(crate) fn save_last(&mut self, slot: Option<usize>) {
        if let Some(slot) = slot {
            self.save_lost(slot, 0);
        }
        self.states.flush((self.clock)());
    }

    /// Saves what a slot is about to lose all of but the first `kept` tokens of, where it would be missed.
    pub(super) fn save_lost(&mut self, slot: usize, kept: usize) {
        if let Some((whose, tokens)) = self.slots.lost(slot, kept) {
            let label = Label { owner: Owner::One(whose), tokens: tokens.to_vec() };
            self.save(slot, label);
        }
    }

    /// Saves what a stream has read, where it was to stop for that.
    pub(super) fn save_on_the_way(&mut self, slot: usize) {
        let Some(stream) = self.running.get(&slot) else { return };
        if stream.save_at != Some(stream.evaluated) {
            return;
        }
        if stream.evaluated == stream.request.shared().len() {
            self.save_shared(slot);
        } else {
            self.save_turn(slot);
        }
        self.plan_save(slot);
    }

    /// Saves the beginning that others share. Where it cannot be saved, those who wait for it get a copy.
    fn save_shared(&mut self, slot: usize) {
        let Some(stream) = self.running.get(&slot) else { return };
        let shared = stream.request.shared().to_vec();
        let length = shared.len() as u32;
        self.save(slot, Label { owner: Owner::Everybody, tokens: shared.clone() });
        if self.states.find_shared(&shared).is_some() {
            return;
        }
        for (follower, _) in self.followers().into_iter().filter(|(_, theirs)| *theirs == shared) {
            let kept = self.decoder.copy_prefix(slot as u32, follower as u32, length) as usize;
            self.begin_reading(follower, kept);
        }
    }

    /// Saves what was read of a question. A file is not worth holding up its answer for.
    fn save_turn(&mut self, slot: usize) {
        let Some(stream) = self.running.get(&slot) else { return };
        let tokens = stream.request.tokens.get(..stream.evaluated).unwrap_or_default().to_vec();
        let label = Label { owner: Owner::One(stream.request.holder().whose), tokens };
        let has_room = self.states.room_for(self.decoder.state_bytes(slot as u32)) == Some(Room::Memory);
        if has_room && !self.slots.is_forgotten(slot) {
            self.save(slot, label);
        }
    }

    /// Chooses where a stream stops reading next: at the end of what it shares, if nobody has left that; then, where a part
    /// of a state is of no use, shortly before the end of its prompt. From there a question is answered anew, changed or
    /// followed up, though its answer is not in the next prompt as it was said; a template writes otherwise what comes
    /// right before an answer and what comes before a past one.
    fn plan_save(&mut self, slot: usize) {
        let Some(stream) = self.running.get(&slot) else { return };
        let request = &stream.request;
        let shared = request.shared();
        let turn = request.prompt_len.saturating_sub(WORTH_TOKENS);
        let is_worth_it = !self.states.can_be_cut() && request.holder().priority == Priority::Chat;
        let place = if stream.evaluated < shared.len() && self.states.find_shared(shared).is_none() {
            Some(shared.len())
        } else {
            (is_worth_it && stream.evaluated < turn && turn >= WORTH_TOKENS).then_some(turn)
        };
        if let Some(stream) = self.running.get_mut(&slot) {
            stream.save_at = place;
        }
    }

    /// Lets those go on who waited for another stream to read what they share: with its state, or by reading themselves
    /// where nobody is at it any more.
    pub(super) fn settle(&mut self) {
        for (slot, shared) in self.followers() {
            if self.is_being_read(&shared) {
                continue;
            }
            match self.states.find_shared(&shared) {
                Some(id) => self.restore_or_wait(slot, id),
                None => self.begin_reading(slot, 0),
            }
        }
    }

    /// The slots of those who wait for another stream, with what they wait for.
    fn followers(&self) -> Vec<(usize, Vec<Token>)> {
        let waiting = self.running.iter().filter(|(_, stream)| stream.is_following());
        waiting.map(|(slot, stream)| (*slot, stream.request.shared().to_vec())).collect()
    }

    /// Whether a stream is about to have read these tokens, and will leave their state for others.
    pub(super) fn is_being_read(&self, shared: &[Token]) -> bool {
        self.running.values().any(|stream| stream.is_reading(shared))
    }

    /// Whether somebody waits for a prefix who could go on: nobody else has to take part in a step for that.
    pub(super) fn can_settle(&self) -> bool {
        self.running.values().any(Stream::is_following)
    }

    /// Puts a state that is in memory into a slot, or asks the disk for it. Answers how many of the stream's tokens are then
    /// in the slot; none while the disk is at it.
    pub(super) fn restore_by_id(&mut self, slot: usize, id: StateId) -> Option<usize> {
        match self.states.in_memory(id, (self.clock)()) {
            Some(state) => Some(self.restore(slot, id, &Source::Memory(state))),
            None => {
                self.states.fetch(id);
                None
            }
        }
    }

    /// The cache of a slot now holds `kept` tokens of its stream, which reads on behind them.
    pub(super) fn begin_reading(&mut self, slot: usize, kept: usize) {
        let Some(stream) = self.running.get_mut(&slot) else { return };
        stream.evaluated = kept;
        stream.awaits = None;
        let in_cache = stream.request.tokens.get(..kept).unwrap_or_default();
        self.slots.extend(slot, in_cache);
        let request = &mut stream.request;
        if request.cached.is_none() {
            request.cached = Some(kept);
            let id = request.id;
            let tokens = request.prompt().to_vec();
            let cached = kept.min(request.prompt_len) as u32;
            self.tell(id, News::Prompt { tokens, cached });
        }
        self.plan_save(slot);
    }

    /// Puts as much of a state as its stream can use into a slot; answers how many tokens that are.
    fn restore(&mut self, slot: usize, id: StateId, source: &Source) -> usize {
        let Some(stream) = self.running.get(&slot) else { return 0 };
        let tokens = &stream.request.tokens;
        let usable = tokens.get(..tokens.len().saturating_sub(1)).unwrap_or_default();
        let held = source.label().tokens.len();
        let common = common_prefix(&source.label().tokens, usable);
        let started = (self.clock)();
        let is_there = match source {
            Source::Memory(state) => self.decoder.restore_state(slot as u32, &state.bytes, held as u32),
            Source::File { path, .. } => self.decoder.restore_state_file(slot as u32, path, held as u32),
        };
        let kept = match is_there {
            true if common < held => self.decoder.keep_prefix(slot as u32, common as u32) as usize,
            true => held,
            false => 0,
        };
        if kept == 0 {
            tracing::warn!(tokens = held, "a sequence state could not be restored");
            self.decoder.clear(slot as u32);
            self.states.remove(id);
        }
        let took = (self.clock)().saturating_sub(started);
        match source {
            Source::Memory(state) => self.speed.observe(state.size_bytes(), took),
            Source::File { .. } => self.speed.spend(took),
        }
        kept
    }

    fn save(&mut self, slot: usize, label: Label) {
        let size_bytes = self.decoder.state_bytes(slot as u32);
        if self.states.covers(&label) {
            return;
        }
        match self.states.room_for(size_bytes) {
            Some(Room::Memory) if !self.is_anybody_answering() || self.speed.has_time_for(size_bytes) => {
                self.save_to_memory(slot, label, size_bytes);
            }
            Some(Room::File) if !self.is_anybody_answering() => self.save_to_file(slot, label),
            _ => {}
        }
    }

    fn save_to_memory(&mut self, slot: usize, label: Label, size_bytes: u64) {
        let started = (self.clock)();
        let saved = self.decoder.save_state(slot as u32);
        let now = (self.clock)();
        self.speed.observe(size_bytes, now.saturating_sub(started));
        if let Some(bytes) = saved {
            self.states.insert(State { label: Arc::new(label), bytes }, now);
        }
    }

    fn save_to_file(&mut self, slot: usize, label: Label) {
        let path = self.states.unfinished_file(&label);
        let started = (self.clock)();
        let is_saved = self.decoder.save_state_file(slot as u32, &path);
        let now = (self.clock)();
        self.speed.spend(now.saturating_sub(started));
        if is_saved {
            self.states.insert_file(label, now);
        } else {
            tracing::warn!(tokens = label.tokens.len(), "a large sequence state could not be written");
        }
    }

    /// Whether a step that takes long would be noticed.
    pub(super) fn is_anybody_answering(&self) -> bool {
        self.running.values().any(|stream| stream.takes_part() && stream.is_answering)
    }

    /// Gives up the slot of a stream that has not begun to read, which gets one again in the next step.
    fn put_back(&mut self, slot: usize) {
        if let Some(request) = self.take_from_slot(slot) {
            self.waiting.insert(request.id, request);
        }
    }
}
