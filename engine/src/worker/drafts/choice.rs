//! Whether drafts pay in the next step, whose, and how long ones.
//!
//! What counts is the geometric mean of the speeds of all streams in the step. For a stream that is alone that is its own
//! speed; among several, one may not gain more than the step's longer time takes from all the others together.

use super::costs::{Costs, DRAFTS_MAX};
use super::{LENGTHS, Prospect};

/// So much faster at least than without, by what is expected: estimates are chosen because they look good, and are often
/// a little worse.
const GAIN_MIN: f64 = 1.04;

/// Who drafts in a step, and how many tokens each.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Choice {
    /// One of [`LENGTHS`].
    pub(crate) length: usize,
    /// Indices of prospects.
    pub(crate) drafting: Vec<usize>,
}

/// Bounds of a step.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Streams that get a token from it.
    pub(crate) streams: usize,
    /// Drafts that fit into its batch.
    pub(crate) drafts: usize,
    /// How long it may take.
    pub(crate) seconds: f64,
}

#[derive(Debug, Default)]
struct Candidate {
    choice: Choice,
    /// How much faster than without drafts.
    gain: f64,
    seconds: f64,
}

/// Chooses among the prospects of all streams of a step; nobody drafts where that does not pay. A size that may pay and
/// has not been measured is tried where that costs next to nothing. `extra_s` is what making a draft of a prospect costs,
/// for each token.
pub(crate) fn choose(
    costs: &mut Costs,
    bounds: Bounds,
    prospects: &[Prospect],
    extra_s: impl Fn(&Prospect) -> f64,
) -> Choice {
    let Some(plain_s) = costs.plain_s(bounds.streams).filter(|_| !prospects.is_empty()) else {
        return Choice::default();
    };
    let mut best = Candidate { gain: 1.0, seconds: plain_s, ..Candidate::default() };
    let mut unmeasured: Vec<(f64, Candidate)> = Vec::new();
    for (index, length) in LENGTHS.into_iter().enumerate() {
        let mut likeliest: Vec<(f64, usize)> = (prospects.iter().enumerate())
            .filter_map(|(place, prospect)| Some(((*prospect.expected.get(index)?)?, place)))
            .collect();
        likeliest.sort_by(|a, b| b.0.total_cmp(&a.0));
        let (mut logs, mut making_s) = (0.0, 0.0);
        for count in 1..=likeliest.len() {
            let drafts = count * length;
            let Some((expected, place)) = likeliest.get(count - 1) else { break };
            let Some(estimate) = costs.estimate(bounds.streams, drafts) else { break };
            if drafts > bounds.drafts.min(DRAFTS_MAX) || estimate.seconds > bounds.seconds {
                break;
            }
            logs += expected.ln();
            making_s += prospects.get(*place).map_or(0.0, &extra_s) * length as f64;
            let gain = |seconds: f64| (logs / bounds.streams as f64).exp() * plain_s / (seconds + making_s);
            let drafting = likeliest.iter().take(count).map(|(_, place)| *place).collect();
            let choice = Choice { length, drafting };
            let candidate = Candidate { choice, gain: gain(estimate.seconds), seconds: estimate.seconds };
            if candidate.gain > best.gain.max(GAIN_MIN) {
                best = candidate;
            } else if !estimate.is_measured {
                unmeasured.push((gain(estimate.least_seconds), candidate));
            }
        }
    }
    // The shortest one that may be the best: it tells most of the others.
    let probe = unmeasured.into_iter().find(|(hoped, _)| *hoped > best.gain.max(GAIN_MIN));
    match probe {
        Some((_, probe)) if costs.spend((1.0 - probe.gain / best.gain) * probe.seconds) => probe.choice,
        _ => best.choice,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::drafts::{Source, trust};

    fn prospect(slot: usize, chance: f64) -> Prospect {
        let expected = LENGTHS.map(|length| Some(trust::expected_tokens(length, |_| chance)));
        Prospect { slot, source: Source::Lookup, expected }
    }

    fn bounds(streams: usize) -> Bounds {
        Bounds { streams, drafts: 500, seconds: 0.25 }
    }

    fn chosen(costs: &mut Costs, streams: usize, chances: &[f64]) -> (usize, usize) {
        let prospects: Vec<Prospect> =
            chances.iter().enumerate().map(|(slot, chance)| prospect(slot, *chance)).collect();
        let choice = choose(costs, bounds(streams), &prospects, |_| 0.0);
        (choice.length, choice.drafting.len())
    }

    /// A machine on which one token takes 6 ms, four take four times as long, and from eight on each takes 2 ms more.
    fn step_s(tokens: usize) -> f64 {
        if tokens < 8 { 0.006 * tokens as f64 } else { 0.024 + 0.002 * (tokens - 8) as f64 }
    }

    fn trained(streams: usize) -> Costs {
        let mut costs = Costs::default();
        costs.observe(streams, 0, step_s(streams));
        for length in LENGTHS {
            costs.observe(streams, length, step_s(streams + length));
        }
        costs
    }

    #[test]
    fn the_length_follows_what_sizes_cost_and_how_likely_drafts_are_right() {
        let mut costs = trained(1);
        assert_eq!(chosen(&mut costs, 1, &[0.3]), (0, 0), "off where drafts are wrong");
        assert_eq!(chosen(&mut costs, 1, &[0.85]).0, 7, "the first size that the kernels take well");
        assert_eq!(chosen(&mut costs, 1, &[0.999]).0, 31);
        assert_eq!(chosen(&mut costs, 1, &[]), (0, 0));
    }

    #[test]
    fn drafts_never_pay_where_each_token_costs_a_step() {
        let mut costs = Costs::default();
        costs.observe(1, 0, 0.010);
        for length in LENGTHS {
            costs.observe(1, length, 0.010 * (length + 1) as f64);
        }
        assert_eq!(chosen(&mut costs, 1, &[0.99]), (0, 0));
    }

    #[test]
    fn a_step_never_takes_longer_than_it_may() {
        let mut costs = Costs::default();
        costs.observe(1, 0, 0.100);
        for length in LENGTHS {
            costs.observe(1, length, 0.100 + 0.020 * length as f64);
        }
        assert_eq!(chosen(&mut costs, 1, &[0.99]).0, 7, "0.24 s");
    }

    #[test]
    fn one_stream_may_not_slow_seven_others_for_its_own_gain() {
        let mut costs = trained(8);
        assert_eq!(chosen(&mut costs, 8, &[0.99]), (0, 0));
        let (length, count) = chosen(&mut costs, 8, &[0.98; 8]);
        assert!(length > 0 && count > 4, "{count} streams, {length} each");
    }

    #[test]
    fn an_unknown_machine_is_measured_from_short_to_long_while_drafts_are_right() {
        let mut costs = Costs::default();
        let mut tried = Vec::new();
        for _ in 0..60 {
            let (length, _) = chosen(&mut costs, 1, &[0.999]);
            costs.observe(1, length, step_s(1 + length));
            if length > 0 && !tried.contains(&length) {
                tried.push(length);
            }
        }
        assert!(tried.starts_with(&[1, 3, 7]), "{tried:?}");
        assert_eq!(chosen(&mut costs, 1, &[0.999]).0, 31);
    }

    #[test]
    fn measuring_what_does_not_pay_costs_next_to_nothing() {
        let mut costs = Costs::default();
        let (mut plain_s, mut all_s) = (0.0, 0.0);
        for _ in 0..2_000 {
            let (length, _) = chosen(&mut costs, 1, &[0.4]);
            let tokens = trust::expected_tokens(length, |_| 0.4);
            costs.observe(1, length, step_s(1 + length));
            all_s += step_s(1 + length);
            plain_s += tokens * step_s(1);
        }
        assert!(all_s < 1.03 * plain_s, "{all_s} s instead of {plain_s} s");
    }
}
