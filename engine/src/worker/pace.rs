//! How many prompt tokens a step may read, so that a prompt never stalls the streams that are running.

use std::time::Duration;

/// The longest gap between two tokens of a running stream that a prompt may cause. A reader does not notice less; a
/// smaller one would halve the speed at which prompts are read.
const GAP_TARGET: Duration = Duration::from_millis(250);
/// … but on a machine whose plain step is slower than that, this many plain steps.
const GAP_TARGET_STEPS: f64 = 3.0;
/// How long a step may take when nobody is running: Stop, and whoever comes next, wait for it.
const ALONE_TARGET: Duration = Duration::from_secs(1);
/// A step reads at least so many prompt tokens, so that prompts get on however slow the machine is.
const CHUNK_MIN_TOKENS: usize = 16;
/// … and so many when nobody is running: smaller batches waste a tenth of the speed and more.
const ALONE_MIN_TOKENS: usize = 128;
/// The part of a new measurement in the running mean: follows a changed machine within ten steps.
const WEIGHT: f64 = 0.3;

/// Measured step times and what follows from them.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    plain_s: Option<f64>,
    prompt_token_s: Option<f64>,
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

    /// Prompt tokens that the next step may read beside `running` streams.
    pub(crate) fn budget(&self, running: usize, batch_tokens: usize) -> usize {
        let room = batch_tokens.saturating_sub(running);
        let target_s = self.step_target(running).as_secs_f64();
        let (plain_s, least) = if running == 0 {
            (0.0, ALONE_MIN_TOKENS)
        } else {
            (self.plain_s.unwrap_or(0.0), CHUNK_MIN_TOKENS)
        };
        let tokens = match self.prompt_token_s {
            Some(token_s) => ((target_s - plain_s) / token_s) as usize,
            None => least,
        };
        tokens.max(least).min(room)
    }

    /// Learns from a step that took `took`.
    pub(crate) fn observe(&mut self, running: usize, prompt_tokens: usize, took: Duration) {
        let took_s = took.as_secs_f64();
        if prompt_tokens == 0 {
            mix(&mut self.plain_s, took_s);
            return;
        }
        let plain_s = if running == 0 { 0.0 } else { self.plain_s.unwrap_or(0.0) };
        // A step faster than a plain one says that prompt tokens cost next to nothing, not less than nothing.
        let token_s = ((took_s - plain_s) / prompt_tokens as f64).max(1e-6);
        mix(&mut self.prompt_token_s, token_s);
    }
}

fn mix(mean: &mut Option<f64>, value: f64) {
    *mean = Some(mean.map_or(value, |mean| mean + WEIGHT * (value - mean)));
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
mod tests {
    use super::*;

    #[test]
    fn the_gap_stays_near_its_target_once_the_machine_is_known() {
        let mut pace = Pace::default();
        let took = |running: usize, prompt: usize| {
            Duration::from_micros(9_000 * running.min(1) as u64 + 5_000 * prompt as u64)
        };
        for _ in 0..20 {
            pace.observe(2, 0, took(2, 0));
            let chunk = pace.budget(2, 512);
            pace.observe(2, chunk, took(2, chunk));
        }
        let gap = took(2, pace.budget(2, 512));
        assert!(gap > Duration::from_millis(200) && gap <= Duration::from_millis(260), "{gap:?}");
    }

    #[test]
    fn a_slow_machine_still_reads_prompts() {
        let mut pace = Pace::default();
        pace.observe(1, 0, Duration::from_secs(2));
        pace.observe(1, 16, Duration::from_secs(60));
        assert_eq!(pace.budget(1, 512), CHUNK_MIN_TOKENS);
    }

    #[test]
    fn with_nobody_running_a_fast_machine_fills_the_batch() {
        let mut pace = Pace::default();
        pace.observe(0, 512, Duration::from_millis(100));
        assert_eq!(pace.budget(0, 512), 512);
    }

    #[test]
    fn a_batch_never_overflows() {
        let mut pace = Pace::default();
        pace.observe(7, 1, Duration::from_nanos(1));
        assert_eq!(pace.budget(7, 8), 1);
        assert_eq!(pace.budget(8, 8), 0);
    }

    #[test]
    fn a_short_prompt_is_not_delayed_by_a_long_one() {
        assert_eq!(share(100, &[2_000, 30]), [70, 30]);
        assert_eq!(share(100, &[2_000, 3_000]), [50, 50]);
        assert_eq!(share(10, &[3, 3]), [3, 3]);
        assert_eq!(share(1, &[5, 5, 5]).iter().sum::<usize>(), 1);
    }
}
