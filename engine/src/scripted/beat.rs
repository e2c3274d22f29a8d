//! Real time for scripted answers: steps that begin on the beat, and tokens that tell when they were made.

use std::thread;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// When the last step with a pace began.
#[derive(Debug, Default)]
pub(super) struct Beat {
    last: Option<Instant>,
}

impl Beat {
    /// Waits for the next of `rate` beats a second. A late one does not shift those after it, unless it is late by
    /// more than a beat.
    pub(super) fn wait(&mut self, rate: u32) {
        let period = Duration::from_secs(1) / rate.max(1);
        let now = Instant::now();
        let due = self.last.map_or(now, |last| last + period);
        thread::sleep(due.saturating_duration_since(now));
        let is_on_time = now.saturating_duration_since(due) < period;
        self.last = Some(if is_on_time { due } else { now });
    }
}

/// What a `clock` would tell now: the machine's `CLOCK_MONOTONIC` in µs, the same in all its processes.
pub fn clock_us() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    (now.tv_sec as u64) * 1_000_000 + (now.tv_nsec as u64) / 1_000
}
