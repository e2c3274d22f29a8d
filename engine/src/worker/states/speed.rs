//! How long saving and restoring may hold up a step, and how long it will.

use std::time::Duration;

/// Most that a step beside running streams may take for states: with a chunk of a prompt, which fills the gap between two
/// tokens on its own, readers still notice nothing.
const STALL_MAX: Duration = Duration::from_millis(100);
/// Most that it may take for what could as well be done later: such a step is hardly longer than its neighbours.
const UNNOTICED_MAX: Duration = Duration::from_millis(25);
/// What a state is taken to need before one was measured: the slowest of ordinary machines.
const BYTES_PER_S_GUESS: f64 = 500e6;
/// The part of a new measurement in the running mean: follows a changed machine within ten states.
const WEIGHT: f64 = 0.3;

/// What the current step has spent on states, and how fast they are.
#[derive(Debug)]
pub(crate) struct StateSpeed {
    bytes_per_s: f64,
    spent: Duration,
}

impl Default for StateSpeed {
    fn default() -> Self {
        Self { bytes_per_s: BYTES_PER_S_GUESS, spent: Duration::ZERO }
    }
}

impl StateSpeed {
    /// A step begins.
    pub(crate) fn begin_step(&mut self) {
        self.spent = Duration::ZERO;
    }

    /// Whether the step may still take a state of this size beside running streams.
    pub(crate) fn has_time_for(&self, size_bytes: u64) -> bool {
        self.spent + self.duration_of(size_bytes) <= STALL_MAX
    }

    /// Whether the step may take a state of this size beside running streams although it could wait.
    pub(crate) fn is_unnoticed(&self, size_bytes: u64) -> bool {
        self.spent + self.duration_of(size_bytes) <= UNNOTICED_MAX
    }

    fn duration_of(&self, size_bytes: u64) -> Duration {
        Duration::from_secs_f64(size_bytes as f64 / self.bytes_per_s)
    }

    /// Whether the step has spent all it may.
    pub(crate) fn is_spent(&self) -> bool {
        self.spent >= STALL_MAX
    }

    /// Counts what says nothing of how fast memory is.
    pub(crate) fn spend(&mut self, took: Duration) {
        self.spent += took;
    }

    /// Learns from a state that took `took`.
    pub(crate) fn observe(&mut self, size_bytes: u64, took: Duration) {
        self.spend(took);
        let took_s = took.as_secs_f64();
        if took_s > 0.0 && size_bytes > 0 {
            self.bytes_per_s += WEIGHT * (size_bytes as f64 / took_s - self.bytes_per_s);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_that_would_hold_up_readers_is_not_taken_beside_them() {
        let mut speed = StateSpeed::default();
        assert!(speed.has_time_for(10_000_000) && !speed.has_time_for(1_000_000_000));
        speed.observe(10_000_000, Duration::from_millis(90));
        assert!(!speed.has_time_for(10_000_000), "the step has spent its time");
        speed.begin_step();
        assert!(speed.has_time_for(10_000_000));
    }

    #[test]
    fn a_fast_machine_takes_larger_states() {
        let mut speed = StateSpeed::default();
        for _ in 0..10 {
            speed.begin_step();
            speed.observe(100_000_000, Duration::from_millis(10));
        }
        speed.begin_step();
        assert!(speed.has_time_for(500_000_000));
    }
}
