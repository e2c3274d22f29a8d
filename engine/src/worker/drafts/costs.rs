//! What steps cost, learnt while running: a plain one for each number of streams, and what drafts add to it.
//!
//! Kernels have steps (eight tokens may take hardly longer than four), so each size is measured for itself and none
//! is interpolated. A size that nobody has measured is taken to cost what the next smaller one costs for each token.

use std::collections::BTreeMap;

/// Numbers of drafts in one step that are told apart; a number between two counts as the larger.
const SIZES: [usize; 11] = [1, 3, 7, 11, 15, 23, 31, 47, 63, 95, 127];
/// The most drafts in one step, of all streams together.
pub(crate) const DRAFTS_MAX: usize = 127;
/// Steps after which a measurement is no longer believed: the machine may have got faster meanwhile.
const BELIEVED_STEPS: u64 = 1_000;
/// Steps with drafts after which one is taken without: only that shows what they gain. One step in fifty costs less
/// than a hundredth of what there is to gain.
const PLAIN_EVERY_STEPS: u64 = 50;
/// The part of the time that may be lost to measuring sizes that may not pay.
const PROBING: f64 = 0.02;
/// … saved up for at most so many plain steps.
const CREDIT_STEPS: f64 = 20.0;
/// The part of a shorter time in the running mean: noise only ever adds, so the shorter one is nearer the truth.
const WEIGHT_DOWN: f64 = 0.5;
/// The part of a longer time, of which more than the double is not believed at once.
const WEIGHT_UP: f64 = 0.2;

/// A running mean and when it was last measured, in steps.
#[derive(Clone, Copy, Debug)]
struct Measured {
    seconds: f64,
    at: u64,
}

/// What a step would take.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Estimate {
    /// Where it has not been measured: at most.
    pub(crate) seconds: f64,
    /// Where it has not been measured: at least.
    pub(crate) least_seconds: f64,
    pub(crate) is_measured: bool,
}

/// Measured step times.
#[derive(Debug, Default)]
pub(crate) struct Costs {
    /// By the number of streams.
    plain: BTreeMap<usize, Measured>,
    /// What drafts add, by [`SIZES`]: to a stream that is alone, and beside others.
    added: [[Option<Measured>; SIZES.len()]; 2],
    /// Steps so far, and how many of them in a row had drafts.
    steps: u64,
    drafting_steps: u64,
    credit_s: f64,
    model_token_s: f64,
}

impl Costs {
    /// Learns from a step of so many streams, each with one token beside all `drafts`, that took so long.
    pub(crate) fn observe(&mut self, streams: usize, drafts: usize, took_s: f64) {
        self.steps += 1;
        let at = self.steps;
        if drafts == 0 {
            self.drafting_steps = 0;
            let plain_s = mixed(self.plain.get(&streams).map(|known| known.seconds), took_s);
            self.plain.insert(streams, Measured { seconds: plain_s, at });
            self.credit_s = (self.credit_s + PROBING * took_s).min(CREDIT_STEPS * plain_s);
            return;
        }
        self.drafting_steps += 1;
        let Some(plain) = self.plain.get(&streams).map(|known| known.seconds) else { return };
        let known = self.measured(streams, drafts).map(|known| plain + known.seconds);
        let seconds = (mixed(known, took_s) - plain).max(0.0);
        if let Some(place) = self.place(streams, drafts) {
            *place = Some(Measured { seconds, at });
        }
        self.credit_s = (self.credit_s + PROBING * took_s).min(CREDIT_STEPS * plain);
    }

    /// What a plain step of so many streams takes; none while it has to be measured (again).
    pub(crate) fn plain_s(&self, streams: usize) -> Option<f64> {
        let plain = self.plain.get(&streams)?;
        (self.drafting_steps < PLAIN_EVERY_STEPS).then_some(plain.seconds)
    }

    /// What a step with so many drafts would take; none where a plain one is not known.
    pub(crate) fn estimate(&self, streams: usize, drafts: usize) -> Option<Estimate> {
        let plain_s = self.plain.get(&streams)?.seconds;
        if let Some(known) = self.measured(streams, drafts) {
            let seconds = plain_s + known.seconds;
            return Some(Estimate { seconds, least_seconds: seconds, is_measured: true });
        }
        let sizes = || SIZES.iter().map(|size| (*size, self.measured(streams, *size)));
        let mut smaller = sizes().rev().filter(|(size, _)| *size < drafts);
        let (least_s, token_s) = match smaller.find_map(|(size, known)| Some((size, known?.seconds))) {
            Some((size, seconds)) => (seconds, seconds / size as f64),
            // At worst a draft costs what any token costs.
            None => (0.0, plain_s),
        };
        let larger = sizes().filter(|(size, _)| *size > drafts).find_map(|(_, known)| known);
        let linear_s = token_s * drafts as f64;
        let most_s = larger.map_or(linear_s, |larger| linear_s.min(larger.seconds));
        let least_s = least_s.min(most_s);
        Some(Estimate { seconds: plain_s + most_s, least_seconds: plain_s + least_s, is_measured: false })
    }

    /// Learns what a token takes that the small model drafts.
    pub(crate) fn observe_model(&mut self, tokens: usize, took_s: f64) {
        if tokens > 0 {
            let known = Some(self.model_token_s).filter(|known| *known > 0.0);
            self.model_token_s = mixed(known, took_s / tokens as f64);
        }
    }

    /// What a token takes that the small model drafts; 0 before that is known.
    pub(crate) fn model_token_s(&self) -> f64 {
        self.model_token_s
    }

    /// Whether that much time may be lost for a measurement. If so it is spent.
    pub(crate) fn spend(&mut self, seconds: f64) -> bool {
        let can = seconds <= self.credit_s;
        if can {
            self.credit_s -= seconds.max(0.0);
        }
        can
    }

    /// What was measured of the size, if that is still believed.
    fn measured(&self, streams: usize, drafts: usize) -> Option<Measured> {
        let size = SIZES.iter().position(|size| drafts <= *size)?;
        let known = self.added.get(usize::from(streams > 1))?.get(size).copied()??;
        (self.steps - known.at < BELIEVED_STEPS).then_some(known)
    }

    fn place(&mut self, streams: usize, drafts: usize) -> Option<&mut Option<Measured>> {
        let size = SIZES.iter().position(|size| drafts <= *size)?;
        self.added.get_mut(usize::from(streams > 1))?.get_mut(size)
    }
}

fn mixed(known_s: Option<f64>, took_s: f64) -> f64 {
    let Some(known_s) = known_s else { return took_s };
    let weight = if took_s < known_s { WEIGHT_DOWN } else { WEIGHT_UP };
    known_s + weight * (took_s.min(2.0 * known_s) - known_s)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_that_nobody_measured_costs_at_most_what_its_tokens_would_and_at_least_what_fewer_do() {
        let mut costs = Costs::default();
        assert_eq!(costs.estimate(1, 7), None, "not even a plain step is known");
        costs.observe(1, 0, 0.010);
        let estimate = costs.estimate(1, 7).unwrap();
        assert_eq!((estimate.seconds, estimate.least_seconds), (0.080, 0.010));
        costs.observe(1, 3, 0.022);
        let estimate = costs.estimate(1, 15).unwrap();
        assert!(!estimate.is_measured);
        assert!((estimate.seconds - 0.070).abs() < 1e-9 && (estimate.least_seconds - 0.022).abs() < 1e-9);
        costs.observe(1, 31, 0.050);
        assert!(
            (costs.estimate(1, 23).unwrap().seconds - 0.050).abs() < 1e-9,
            "never more than a longer one"
        );
    }

    #[test]
    fn a_stream_alone_and_streams_together_are_measured_apart() {
        let mut costs = Costs::default();
        for streams in [1, 2] {
            costs.observe(streams, 0, 0.010);
        }
        costs.observe(1, 7, 0.020);
        assert!(costs.estimate(1, 7).unwrap().is_measured);
        assert!(!costs.estimate(2, 7).unwrap().is_measured);
    }

    #[test]
    fn one_hiccup_changes_little_and_a_changed_machine_is_followed() {
        let mut costs = Costs::default();
        costs.observe(1, 0, 0.010);
        costs.observe(1, 0, 1.0);
        assert!(costs.plain_s(1).unwrap() <= 0.012);
        for _ in 0..30 {
            costs.observe(1, 0, 0.030);
        }
        assert!(costs.plain_s(1).unwrap() > 0.029);
        for _ in 0..10 {
            costs.observe(1, 0, 0.010);
        }
        assert!(costs.plain_s(1).unwrap() < 0.011);
    }

    #[test]
    fn a_plain_step_is_asked_for_now_and_then_and_old_measurements_are_forgotten() {
        let mut costs = Costs::default();
        costs.observe(1, 0, 0.010);
        costs.observe(1, 3, 0.020);
        for _ in 0..PLAIN_EVERY_STEPS {
            costs.observe(1, 7, 0.020);
        }
        assert_eq!(costs.plain_s(1), None);
        for _ in 0..BELIEVED_STEPS {
            costs.observe(1, 0, 0.010);
        }
        assert!(costs.plain_s(1).is_some() && !costs.estimate(1, 7).unwrap().is_measured);
    }

    #[test]
    fn measuring_may_cost_a_small_part_of_the_time() {
        let mut costs = Costs::default();
        assert!(!costs.spend(0.001));
        for _ in 0..100 {
            costs.observe(1, 0, 0.010);
        }
        assert!(costs.spend(0.015));
        assert!(!costs.spend(0.015), "two hundredths of a second");
        for _ in 0..10_000 {
            costs.observe(1, 0, 0.010);
        }
        assert!(!costs.spend(0.25), "it is not saved up for ever");
    }
}
