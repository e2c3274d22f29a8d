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
    /// Starts the models that somebody waits for or that are pinned, who waits longest first. Where the memory does not
    /// suffice, models that are idle go, the one that was for the longest time first; where they are not enough, busy
    /// ones must after [`TURN_MAX`]. Until then whoever asks for them is still answered: so requests are grouped by model.
    pub(super) fn start_waiting(&mut self, now: Instant) {
        for entry in self.entries.iter_mut().filter(|entry| entry.is_wanted()) {
            entry.follow(self.settings.of(entry.id.as_str()), &self.config);
        }
        refuse_what_never_fits(&mut self.entries, self.config.memory_budget_bytes, now);
        let mut waiting: Vec<(Instant, usize)> = (self.entries.iter().enumerate())
            .filter(|(_, entry)| entry.is_wanted())
            .map(|(index, entry)| (entry.waiting_since, index))
            .collect();
        waiting.sort_unstable();
        for (since, index) in waiting {
            let missing_bytes = self.missing_bytes(index);
            if missing_bytes == 0 {
                self.start_worker(index);
                continue;
            }
            // Whoever waits longest gets the room that is being made; the others look again then.
            self.make_room(missing_bytes, now.duration_since(since) >= TURN_MAX);
            return;
        }
    }

    /// When something is due although nobody says anything.
    pub(super) fn next_deadline(&self) -> Instant {
        let now = Instant::now();
        let turns = self.entries.iter().filter(|entry| entry.is_wanted());
        let turns = turns.map(|entry| entry.waiting_since + TURN_MAX);
        let idle = self.entries.iter().filter_map(|entry| entry.idle_deadline(self.config.idle_unload));
        let silent = self.entries.iter().filter_map(Entry::silence_deadline);
        let retried = self.entries.iter().filter_map(Entry::retry_deadline);
        let due = turns.chain(idle).chain(silent).chain(retried);
        due.filter(|due| *due > now).min().unwrap_or(now + NOTHING_DUE)
    }

    /// What is short of memory before a model can be loaded beside those that are.
    fn missing_bytes(&self, index: usize) -> u64 {
        let Some(budget_bytes) = self.config.memory_budget_bytes else { return 0 };
        let wanted_bytes = self.entries.get(index).map_or(0, |entry| entry.memory.counted_bytes());
        let loaded = self.entries.iter().filter(|entry| entry.worker().is_some());
        let loaded_bytes = loaded.map(|entry| entry.memory.counted_bytes()).fold(0, u64::saturating_add);
        loaded_bytes.saturating_add(wanted_bytes).saturating_sub(budget_bytes)
    }

    /// Lets models go until as much will be free, if that is possible: none goes in vain.
    fn make_room(&mut self, missing_bytes: u64, even_if_busy: bool) {
        let leaving = self.entries.iter().filter(|entry| matches!(entry.state(), State::Draining { .. }));
        let mut freed_bytes: u64 = leaving.map(|entry| entry.memory.counted_bytes()).sum();
        let may_go = |entry: &&mut Entry| {
            let is_ready = matches!(entry.state(), State::Ready { .. });
            is_ready && !entry.is_pinned && (even_if_busy || !entry.is_busy())
        };
        let mut candidates: Vec<&mut Entry> = self.entries.iter_mut().filter(may_go).collect();
        candidates.sort_by_key(|entry| (entry.is_busy(), entry.last_used));
        let mut victims = Vec::new();
        for entry in candidates {
            if freed_bytes >= missing_bytes {
                break;
            }
            freed_bytes = freed_bytes.saturating_add(entry.memory.counted_bytes());
            victims.push(entry);
        }
        if freed_bytes < missing_bytes {
            return;
        }
        // One that frees less than the later ones leave over may stay.
        victims.retain(|victim| {
            let without_bytes = freed_bytes.saturating_sub(victim.memory.counted_bytes());
            let is_needed = without_bytes < missing_bytes;
            if !is_needed {
                freed_bytes = without_bytes;
            }
            is_needed
        });
        for victim in victims {
            tracing::info!(model = %victim.id, "the model makes room for another one");
            victim.begin_draining();
        }
    }
}

/// Refuses every model that does not fit beside the pinned ones, nor a pinned one beside those before it, however many
/// others go.
pub(super) fn refuse_what_never_fits(entries: &mut [Entry], budget_bytes: Option<u64>, now: Instant) {
    let Some(budget_bytes) = budget_bytes else { return };
    let mut free_bytes = budget_bytes;
    for is_pinned in [true, false] {
        for entry in entries.iter_mut().filter(|entry| entry.is_pinned == is_pinned) {
            let needed_bytes = entry.memory.counted_bytes();
            if needed_bytes > free_bytes && matches!(entry.state(), State::Unloaded) {
                entry.refuse_as_too_large(budget_bytes, free_bytes, now);
            } else if is_pinned && entry.is_usable() {
                free_bytes = free_bytes.saturating_sub(needed_bytes);
            }
        }
    }
}
