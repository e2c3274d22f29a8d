//! What goes wrong with a model: who is told, and when it is tried again.

use std::mem;
use std::time::Duration;

use tokio::time::Instant;

use super::{Entry, State, tell};
use crate::{GenerationError, GenerationEvent};

/// The first pause after a model failed to load or its process died again; it doubles with each further time.
const BACK_OFF: Duration = Duration::from_secs(1);
/// The longest pause: a person who has repaired the file should not wait for long.
const BACK_OFF_MAX: Duration = Duration::from_secs(60);
/// Deaths in a row, while loading or before the first word of any answer, after which a model is considered broken for a
/// while. So many may be accidents.
const DEATHS_MAX: u32 = 2;
/// Failures further apart than this have nothing to do with each other. Longer than the longest pause and the loading
/// after it, or a broken model would begin anew each time.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(600);

impl Entry {
    /// Everybody who waits fails for the same reason.
    pub(in crate::pool) fn fail_waiting(&mut self, error: &GenerationError) {
        for job in mem::take(&mut self.waiting) {
            job.fail(error.clone());
        }
    }

    /// Everybody whom the worker was at fails for the same reason.
    pub(in crate::pool) fn fail_active(&mut self, error: &GenerationError) {
        for active in mem::take(&mut self.active).into_values() {
            tell(&active.outlet, GenerationEvent::Failed(error.clone()));
        }
        for reply in mem::take(&mut self.asked).into_values() {
            let _ = reply.send(Err(error.clone().into()));
        }
    }

    /// Notes that the model could not be loaded, and until when not to try again.
    pub(in crate::pool) fn fail(&mut self, message: String, now: Instant) {
        self.note_failure(now);
        self.rest(GenerationError::ModelUnusable { message }, now);
    }

    /// When a pinned model that failed is tried again although nobody asks.
    pub(in crate::pool) fn retry_deadline(&self) -> Option<Instant> {
        match self.state() {
            State::Failed { retry_at, .. } if self.is_pinned && !self.is_let_go && self.failures > 0 => {
                Some(*retry_at)
            }
            _ => None,
        }
    }

    fn note_failure(&mut self, now: Instant) {
        let is_forgotten = now.saturating_duration_since(self.failed_at) > FORGOTTEN_AFTER;
        self.failures = if is_forgotten { 1 } else { self.failures + 1 };
        self.failed_at = now;
    }

    fn rest(&mut self, error: GenerationError, now: Instant) {
        tracing::warn!(model = %self.id, %error, "the model cannot be used for now");
        let retry_at = now + self.back_off();
        self.enter(State::Failed { error: error.clone(), retry_at });
        self.fail_active(&error);
        self.fail_waiting(&error);
    }

    /// Notes that the process ended by itself, which it did as `how` says. Those who still wait get a new one, unless it
    /// has happened too often. One that nobody had asked for anything counts as an accident.
    pub(in crate::pool) fn die(&mut self, how: &str, now: Instant) {
        let is_loading = matches!(self.state(), State::Loading { .. });
        if is_loading || self.is_busy() {
            self.note_failure(now);
        }
        self.enter(State::Unloaded);
        self.fail_active(&GenerationError::WorkerDied);
        if self.failures <= DEATHS_MAX {
            return;
        }
        let deaths = self.failures;
        let error = if is_loading {
            let message = format!(
                "the model's process ended while loading ({how}), {deaths} times in a row: the file may be damaged \
                 or the memory too small"
            );
            GenerationError::ModelUnusable { message }
        } else {
            let message = format!(
                "the model's process died {deaths} times in a row; it is started again after a pause"
            );
            GenerationError::ModelResting { message }
        };
        self.rest(error, now);
    }

    fn back_off(&self) -> Duration {
        let doublings = self.failures.saturating_sub(1).min(6);
        (BACK_OFF * 2_u32.pow(doublings)).min(BACK_OFF_MAX)
    }
}

#[cfg(test)]
mod tests;
