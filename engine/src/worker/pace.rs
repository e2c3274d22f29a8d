//! How many prompt tokens a step may read, so that a prompt never stalls the streams that are running.

use std::time::Duration;

/// The longest gap between two tokens of a running stream that a prompt may cause: of a few words a second it is hardly
/// seen, and chunks of this length read at nearly the full speed.
const GAP_TARGET: Duration = Duration::from_millis(100);
/// … but on a machine whose plain step is slower than that, this many plain steps.
const GAP_TARGET_STEPS: f64 = 3.0;
/// How long a step may take when nobody is running: Stop, and whoever comes next, wait for it.
const ALONE_TARGET: Duration = Duration::from_secs(1);
/// A step reads at least so many prompt tokens, so that prompts get on however slow the machine is.
const CHUNK_MIN_TOKENS: usize = 4;
/// … so many as long as nothing is known of the machine: some 200 ms on a slow one.
const CHUNK_FIRST_TOKENS: usize = 16;
/// … and so many when nobody is running: smaller batches waste a tenth of the speed and more.
const ALONE_MIN_TOKENS: usize = 128;
/// The part of a new measurement in the running mean: follows a changed machine within ten steps.
const WEIGHT: f64 = 0.3;
/// No prompt token costs less, so that a lucky measurement does not become an endless chunk.
const TOKEN_MIN_S: f64 = 1e-6;

/// Tokens of prompts that one step reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reading {
    pub(crate) tokens: usize,
    /// The sum of their positions: each token looks at all before it.
    pub(crate) positions: u64,
}

impl Reading {
    /// Adds `tokens` tokens from position `first` on.
    pub(crate) fn add(&mut self, first: usize, tokens: usize) {
        self.tokens += tokens;
        let (first, tokens) = (first as u64, tokens as u64);
        self.positions += first * tokens + tokens * tokens.saturating_sub(1) / 2;
    }

    fn mean_position(&self) -> f64 {
        if self.tokens == 0 { 0.0 } else { self.positions as f64 / self.tokens as f64 }
    }
}

/// Measured step times and what follows from them.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    plain_s: Option<f64>,
    reading: Option<ReadingCost>,
}

impl Pace {
    /// How long a step of `running` streams may take.
    pub(crate) fn step_target(&self, running: usize) -> Duration {
        if running == 0 {
            return ALONE_TARGET;
        }
        let plain = Duration::from_secs_f64(self.plain_s.unwrap_or(0.0));
        GAP_TARGET.max(plain.mul_f64(GAP_TARGET_STEPS))
    }

    /// Prompt tokens that the next step may read beside `running` streams, from about `position` on.
    pub(crate) fn budget(&self, running: usize, position: usize, batch_tokens: usize) -> usize {
        let room = batch_tokens.saturating_sub(running);
        let target_s = self.step_target(running).as_secs_f64();
        let (plain_s, least, first) = if running == 0 {
            (0.0, ALONE_MIN_TOKENS, ALONE_MIN_TOKENS)
        } else {
            (self.plain_s.unwrap_or(0.0), CHUNK_MIN_TOKENS, CHUNK_FIRST_TOKENS)
        };
        let tokens = match &self.reading {
            Some(cost) => cost.tokens_within(target_s - plain_s, position as f64).max(least),
            None => first,
        };
        tokens.min(room)
    }

    /// Learns from a step that took `took`.
    pub(crate) fn observe(&mut self, running: usize, reading: Reading, took: Duration) {
        let took_s = took.as_secs_f64();
        if reading.tokens == 0 {
            let plain_s = self.plain_s.get_or_insert(took_s);
            *plain_s += WEIGHT * (took_s - *plain_s);
            return;
        }
        let plain_s = if running == 0 { 0.0 } else { self.plain_s.unwrap_or(0.0) };
        // A step faster than a plain one says that prompt tokens cost next to nothing, not less than nothing.
        let token_s = ((took_s - plain_s) / reading.tokens as f64).max(TOKEN_MIN_S);
        match &mut self.reading {
            Some(cost) => cost.observe(token_s, reading.mean_position()),
            none => *none = Some(ReadingCost::new(token_s, reading.mean_position())),
        }
    }
}

/// What a prompt token costs: more the further back it stands, because it looks at all before it. A straight line
/// through what was measured, the newest counting most.
#[derive(Debug)]
struct ReadingCost {
    token_s: f64,
    position: f64,
    /// The cheapest so far: the line is not trusted below it, where small chunks made it too steep.
    least_s: f64,
    /// How far positions were from their mean, squared, and times as far as the cost was from its own.
    position_variance: f64,
    covariance: f64,
}

impl ReadingCost {
    fn new(token_s: f64, position: f64) -> Self {
        Self { token_s, position, least_s: token_s, position_variance: 0.0, covariance: 0.0 }
    }

    fn observe(&mut self, token_s: f64, position: f64) {
        let (aside, dearer) = (position - self.position, token_s - self.token_s);
        // A measurement near the mean says nothing of the slope, and must not wash out what is known of it.
        let spread = aside * aside;
        let weight = WEIGHT * (spread / self.position_variance.max(1.0)).min(1.0);
        self.position_variance += weight * (spread - self.position_variance);
        self.covariance += weight * (aside * dearer - self.covariance);
        self.least_s = self.least_s.min(token_s);
        self.position += WEIGHT * aside;
        self.token_s += WEIGHT * dearer;
    }

    /// Seconds more for each position.
    fn slope(&self) -> f64 {
        (self.covariance / self.position_variance.max(1.0)).max(0.0)
    }

    /// How many tokens from `position` on are read in `seconds`: `n` of them cost `n` times the first one, and the
    /// slope for half of `n * n`.
    fn tokens_within(&self, seconds: f64, position: f64) -> usize {
        let slope = self.slope();
        let first_s = (self.token_s + slope * (position - self.position)).max(self.least_s);
        let root = (first_s * first_s + 2.0 * slope * seconds.max(0.0)).sqrt();
        (2.0 * seconds.max(0.0) / (first_s + root)) as usize
    }
}

/// Divides `budget` tokens among prompts of which `unread` tokens are left: equal shares, and what a short prompt does
/// not need goes to the others, so that a long one delays nobody for its whole length.
pub(crate) fn share(budget: usize, unread: &[usize]) -> Vec<usize> {
    let mut shortest_first: Vec<usize> = (0..unread.len()).collect();
    shortest_first.sort_by_key(|index| unread.get(*index));
    let mut shares = vec![0; unread.len()];
    let mut left = budget;
    for (served, index) in shortest_first.iter().enumerate() {
        let fair = left.div_ceil(unread.len() - served);
        if let (Some(share), Some(wanted)) = (shares.get_mut(*index), unread.get(*index)) {
            *share = fair.min(*wanted).min(left);
            left -= *share;
        }
    }
    shares
}

#[cfg(test)]
mod tests;
