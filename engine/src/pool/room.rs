//! Which model may be loaded now, and which must go for it.

use std::time::Duration;

use tokio::time::Instant;

use super::Pool;
use super::entry::{Entry, State};

/// How long requests for one model may keep another one waiting that does not fit beside it. Shorter and two models
/// would swap at every question; longer and somebody looks at a still page for too long.
const TURN_MAX: Duration = Duration::from_secs(30);
/// Wakes the pool although nothing is due; any time would do.
const NOTHING_DUE: Duration = Duration::from_secs(3_600);

impl Pool {
    /// Starts the models that somebody waits for, who waits longest first. Where the memory does not suffice, the model
    /// that was idle for the longest time goes; where none is idle, one must after [`TURN_MAX`].
    pub(super) fn start_waiting(&mut self, now: Instant) {
        let wanted = |entry: &Entry| matches!(entry.state(), State::Unloaded) && !entry.waiting.is_empty();
        let mut waiting: Vec<(Instant, usize)> = (self.entries.iter().enumerate())
            .filter(|(_, entry)| wanted(entry))
            .map(|(index, entry)| (entry.waiting_since, index))
            .collect();
        waiting.sort_unstable();
        for (since, index) in waiting {
            if self.has_room_for(index) {
                self.start_worker(index);
                continue;
            }
            // Whoever waits longest gets the room that is being made; the others look again then.
            let makes_room = self.entries.iter().any(|entry| matches!(entry.state(), State::Draining { .. }));
            if !makes_room {
                self.make_room(now.duration_since(since) >= TURN_MAX);
            }
            return;
        }
    }

    /// When something is due although nobody says anything.
    pub(super) fn next_deadline(&self) -> Instant {
        let now = Instant::now();
        let turns = self.entries.iter().filter(|entry| !entry.waiting.is_empty());
        let turns = turns.map(|entry| entry.waiting_since + TURN_MAX);
        let idle = self.entries.iter().filter_map(|entry| entry.idle_deadline(self.config.idle_unload));
        let silent = self.entries.iter().filter_map(Entry::silence_deadline);
        turns.chain(idle).chain(silent).filter(|due| *due > now).min().unwrap_or(now + NOTHING_DUE)
    }

    /// A model that is alone may always be tried, however large it is.
    fn has_room_for(&self, index: usize) -> bool {
        let Some(budget_bytes) = self.config.memory_budget_bytes else { return true };
        let wanted_bytes = self.entries.get(index).map_or(0, |entry| self.memory_bytes(entry));
        let loaded = self.entries.iter().filter(|entry| entry.worker().is_some());
        let loaded_bytes: u64 = loaded.map(|entry| self.memory_bytes(entry)).sum();
        loaded_bytes == 0 || loaded_bytes.saturating_add(wanted_bytes) <= budget_bytes
    }

    fn memory_bytes(&self, entry: &Entry) -> u64 {
        entry.memory_bytes(self.config.slots, self.config.context_tokens)
    }

    fn make_room(&mut self, even_if_busy: bool) {
        let ready = self.entries.iter_mut().filter(|entry| matches!(entry.state(), State::Ready { .. }));
        let may_go = ready.filter(|entry| even_if_busy || !entry.is_busy());
        if let Some(victim) = may_go.min_by_key(|entry| (entry.is_busy(), entry.last_used)) {
            tracing::info!(model = %victim.id, "the model makes room for another one");
            victim.begin_draining();
        }
    }
}
