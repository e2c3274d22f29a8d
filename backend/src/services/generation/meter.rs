//! Tokens and speeds of one answer while it is being written.

use std::time::{Duration, Instant};

use shared::Usage;

/// How often readers are told: often enough to look alive, seldom enough to be no load.
const REPORT_EVERY: Duration = Duration::from_secs(1);

/// Counts one answer.
#[derive(Debug)]
pub struct Meter {
    accepted_at: Instant,
    first_token_ms: Option<u32>,
    /// The first and the last token since the answer began, or went on.
    span: Option<(Instant, Instant)>,
    reported_at: Option<Instant>,
    /// Tokens from before it went on, which say nothing of its speed.
    earlier_tokens: u32,
    prompt_tokens: u32,
    cached_tokens: u32,
    completion_tokens: u32,
    context_tokens: u32,
}

impl Meter {
    /// An answer that was asked for at `accepted_at`.
    pub fn new(accepted_at: Instant) -> Self {
        Self {
            accepted_at,
            first_token_ms: None,
            span: None,
            reported_at: None,
            earlier_tokens: 0,
            prompt_tokens: 0,
            cached_tokens: 0,
            completion_tokens: 0,
            context_tokens: 0,
        }
    }

    /// What the model reads, how much of it was cached, and how much it can read.
    pub fn prompt(&mut self, prompt_tokens: u32, cached_tokens: u32) {
        self.prompt_tokens = prompt_tokens;
        self.cached_tokens = cached_tokens;
    }

    /// The bound of prompt and answer together.
    pub fn context(&mut self, context_tokens: u32) {
        self.context_tokens = context_tokens;
    }

    /// The answer goes on after so many tokens. The first of them came after `first_token_ms`, unless that was seen
    /// here.
    pub fn go_on(&mut self, earlier_tokens: u32, first_token_ms: u32) {
        self.completion_tokens = earlier_tokens;
        self.earlier_tokens = earlier_tokens;
        self.span = None;
        if earlier_tokens > 0 {
            self.first_token_ms.get_or_insert(first_token_ms);
        }
    }

    /// Tokens have come.
    pub fn tokens(&mut self, count: u32, now: Instant) {
        self.completion_tokens += count;
        let waited = now.duration_since(self.accepted_at);
        self.first_token_ms.get_or_insert(u32::try_from(waited.as_millis()).unwrap_or(u32::MAX));
        self.span = Some((self.span.map_or(now, |(first, _)| first), now));
    }

    /// The numbers, if it is time to tell them again.
    pub fn report(&mut self, now: Instant) -> Option<Usage> {
        let since = self.reported_at.or(self.span.map(|(first, _)| first))?;
        if now.duration_since(since) < REPORT_EVERY {
            return None;
        }
        self.reported_at = Some(now);
        Some(self.usage())
    }

    /// The numbers so far.
    pub fn usage(&self) -> Usage {
        Usage {
            prompt_tokens: self.prompt_tokens,
            cached_tokens: self.cached_tokens,
            completion_tokens: self.completion_tokens,
            context_tokens: self.context_tokens,
            first_token_ms: self.first_token_ms.unwrap_or(0),
            tokens_per_second: self.tokens_per_second(),
        }
    }

    /// The first token is the prompt's work, so it does not count.
    fn tokens_per_second(&self) -> f32 {
        let Some((first, last)) = self.span else { return 0.0 };
        let seconds = last.duration_since(first).as_secs_f32();
        let tokens = self.completion_tokens.saturating_sub(self.earlier_tokens + 1);
        if seconds <= 0.0 { 0.0 } else { tokens as f32 / seconds }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_token_counts_from_acceptance_and_not_into_the_speed() {
        let start = Instant::now();
        let mut meter = Meter::new(start);
        meter.prompt(40, 8);
        meter.context(2048);
        meter.tokens(1, start + Duration::from_millis(250));
        for tenth in 1..=10 {
            meter.tokens(1, start + Duration::from_millis(250 + tenth * 100));
        }
        let usage = meter.usage();
        assert_eq!((usage.prompt_tokens, usage.cached_tokens, usage.context_tokens), (40, 8, 2048));
        assert_eq!((usage.completion_tokens, usage.first_token_ms), (11, 250));
        assert!((usage.tokens_per_second - 10.0).abs() < 0.01);
    }

    #[test]
    fn it_reports_once_a_second() {
        let start = Instant::now();
        let mut meter = Meter::new(start);
        assert_eq!(meter.report(start + Duration::from_secs(9)), None);
        meter.tokens(1, start);
        assert_eq!(meter.report(start + Duration::from_millis(999)), None);
        assert!(meter.report(start + Duration::from_millis(1000)).is_some());
        assert_eq!(meter.report(start + Duration::from_millis(1999)), None);
        assert!(meter.report(start + Duration::from_millis(2000)).is_some());
    }

    #[test]
    fn what_an_answer_had_before_it_went_on_counts_but_not_into_the_speed() {
        let start = Instant::now();
        let mut meter = Meter::new(start);
        meter.go_on(100, 70);
        for tenth in 0..=10 {
            meter.tokens(1, start + Duration::from_millis(tenth * 100));
        }
        let usage = meter.usage();
        assert_eq!((usage.completion_tokens, usage.first_token_ms), (111, 70));
        assert!((usage.tokens_per_second - 10.0).abs() < 0.01);
        meter.go_on(111, 0);
        assert_eq!((meter.usage().completion_tokens, meter.usage().first_token_ms), (111, 70));
        assert_eq!(meter.usage().tokens_per_second, 0.0);
    }

    #[test]
    fn an_answer_of_one_token_has_no_speed() {
        let start = Instant::now();
        let mut meter = Meter::new(start);
        meter.tokens(1, start);
        assert_eq!(meter.usage().tokens_per_second, 0.0);
    }
}
