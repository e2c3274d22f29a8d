//! What the rounds say together: medians, which one slow round does not move.

use std::fmt;

use super::Heard;

/// One answer in figures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reading {
    /// From sending to the first text, as the reader sees it.
    pub first_token_ms: f64,
    /// After the first text, as the reader sees it.
    pub tokens_per_second: f64,
    /// The first token as the server itself measured it.
    pub server_first_token_ms: f64,
    /// The speed as the server itself measured it.
    pub server_tokens_per_second: f64,
    /// Tokens of the answer.
    pub tokens: u32,
}

impl From<&Heard> for Reading {
    fn from(heard: &Heard) -> Self {
        let usage = heard.answer.usage.unwrap_or_default();
        let seconds = heard.last.duration_since(heard.first).as_secs_f64();
        let after_first = f64::from(usage.completion_tokens.saturating_sub(1));
        Self {
            first_token_ms: heard.first.duration_since(heard.sent).as_secs_f64() * 1000.0,
            tokens_per_second: if seconds > 0.0 { after_first / seconds } else { 0.0 },
            server_first_token_ms: f64::from(usage.first_token_ms),
            server_tokens_per_second: f64::from(usage.tokens_per_second),
            tokens: usage.completion_tokens,
        }
    }
}

/// All answers together.
#[derive(Clone, Debug)]
pub struct Figures {
    /// How many chats ran at the same time.
    pub readers: usize,
    /// Every counted answer.
    pub readings: Vec<Reading>,
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let median_of = |value: fn(&Reading) -> f64| median(self.readings.iter().map(value).collect());
        writeln!(
            f,
            "{} answers, {} at the same time, {:.0} tokens each (medians)",
            self.readings.len(),
            self.readers,
            median_of(|reading| f64::from(reading.tokens))
        )?;
        writeln!(
            f,
            "  first token        {:8.1} ms   (server: {:.1} ms)",
            median_of(|reading| reading.first_token_ms),
            median_of(|reading| reading.server_first_token_ms)
        )?;
        writeln!(
            f,
            "  tokens per second  {:8.1}      (server: {:.1})",
            median_of(|reading| reading.tokens_per_second),
            median_of(|reading| reading.server_tokens_per_second)
        )?;
        write!(
            f,
            "  the way to the reader: {:.3} of the engine's speed, {:.1} ms more to the first token",
            median_of(|reading| reading.tokens_per_second / reading.server_tokens_per_second),
            median_of(|reading| reading.first_token_ms - reading.server_first_token_ms)
        )
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let upper = values.get(values.len() / 2).copied();
    let lower = values.get((values.len().max(1) - 1) / 2).copied();
    upper.zip(lower).map_or(f64::NAN, |(upper, lower)| f64::midpoint(upper, lower))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_does_not_follow_an_outlier() {
        assert_eq!(median(vec![1000.0, 1.0, 3.0]), 3.0);
        assert_eq!(median(vec![4.0, 2.0]), 3.0);
        assert!(median(Vec::new()).is_nan());
    }
}
