//! Times of a completion. Pure.

use std::time::{Duration, Instant};

use super::TokenCounts;

/// When what happened.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    asked_at: Instant,
    begun_at: Option<Instant>,
    first_text_at: Option<Instant>,
    ended_at: Option<Instant>,
    /// Answers that have ended, and the speed of the last of them.
    ended: u32,
    tokens_per_second: f32,
}

/// Times and speeds. All times in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Timings {
    /// Until a slot was given: loading of the model and queue.
    pub wait_ms: f64,
    /// Tokens of the prompt that had been read before.
    pub cache_n: u32,
    /// Tokens of the prompt that were read.
    pub prompt_n: u32,
    /// From the slot to the first token of an answer.
    pub prompt_ms: f64,
    /// Tokens of the prompt a second.
    pub prompt_per_second: f64,
    /// Tokens of the answers.
    pub predicted_n: u32,
    /// From the first token to the last one.
    pub predicted_ms: f64,
    /// Tokens a second after the first one: of one answer the model's own speed, of several all of them together.
    pub predicted_per_second: f64,
    /// Tokens that the engine guessed ahead.
    pub draft_n: u32,
    /// How many of those the model then chose.
    pub draft_n_accepted: u32,
}

impl Clock {
    pub(super) fn start(now: Instant) -> Self {
        Self {
            asked_at: now,
            begun_at: None,
            first_text_at: None,
            ended_at: None,
            ended: 0,
            tokens_per_second: 0.0,
        }
    }

    pub(super) fn begun(&mut self, now: Instant) {
        self.begun_at.get_or_insert(now);
    }

    pub(super) fn text(&mut self, now: Instant) {
        self.first_text_at.get_or_insert(now);
    }

    pub(super) fn ended(&mut self, now: Instant, tokens_per_second: f32) {
        self.ended_at = Some(now);
        self.ended += 1;
        self.tokens_per_second = tokens_per_second;
    }

    pub(super) fn timings(&self, counts: TokenCounts) -> Timings {
        let ms = |from: Option<Instant>, to: Option<Instant>| match (from, to) {
            (Some(from), Some(to)) => to.saturating_duration_since(from).as_secs_f64() * 1000.0,
            _ => 0.0,
        };
        let first = self.first_text_at.or(self.ended_at);
        let (prompt_ms, predicted_ms) = (ms(self.begun_at, first), ms(first, self.ended_at));
        let prompt_n = counts.prompt.saturating_sub(counts.cached);
        let predicted_per_second = match self.ended {
            0 | 1 => f64::from(self.tokens_per_second),
            _ => per_second(counts.completion.saturating_sub(1), predicted_ms),
        };
        Timings {
            wait_ms: ms(Some(self.asked_at), self.begun_at),
            cache_n: counts.cached,
            prompt_n,
            prompt_ms,
            prompt_per_second: per_second(prompt_n, prompt_ms),
            predicted_n: counts.completion,
            predicted_ms,
            predicted_per_second,
            draft_n: counts.drafted,
            draft_n_accepted: counts.accepted,
        }
    }
}

fn per_second(tokens: u32, ms: f64) -> f64 {
    if ms > 0.0 { f64::from(tokens) * Duration::from_secs(1).as_millis() as f64 / ms } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_phase_has_its_time_and_its_speed() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut clock = Clock::start(start);
        clock.begun(at(100));
        clock.text(at(300));
        clock.text(at(400));
        clock.ended(at(1300), 12.5);
        let counts = TokenCounts {
            prompt: 120,
            cached: 20,
            completion: 11,
            drafted: 6,
            accepted: 5,
            ..TokenCounts::default()
        };
        let timings = clock.timings(counts);
        assert_eq!((timings.wait_ms, timings.prompt_ms, timings.predicted_ms), (100.0, 200.0, 1000.0));
        assert_eq!((timings.cache_n, timings.prompt_n, timings.prompt_per_second), (20, 100, 500.0));
        assert_eq!((timings.predicted_n, timings.predicted_per_second), (11, 12.5));
        assert_eq!((timings.draft_n, timings.draft_n_accepted), (6, 5));
        // Of two answers their sum counts.
        clock.ended(at(2300), 12.5);
        assert_eq!(clock.timings(TokenCounts { completion: 21, ..counts }).predicted_per_second, 10.0);
    }

    #[test]
    fn an_answer_without_a_word_has_no_speed() {
        let start = Instant::now();
        let mut clock = Clock::start(start);
        clock.begun(start);
        clock.ended(start, 0.0);
        let timings = clock.timings(TokenCounts { prompt: 5, ..TokenCounts::default() });
        assert_eq!((timings.prompt_per_second, timings.predicted_per_second), (0.0, 0.0));
    }
}
