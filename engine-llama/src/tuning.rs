//! Which threads, attention and passes are fastest for a model on this machine: found by trying, within seconds.
//!
//! [`crate::load`] asks at a model's first load and keeps what was found in the worker's state directory;
//! `oriel-engine tune` shows every trial. What is set is never tried, and nothing is chosen that changes an answer.

use std::time::{Duration, Instant};

use engine::FlashAttention;
use engine::decoder::LoadRequest;
use llama_cpp_2::llama_backend::LlamaBackend;
use llama_cpp_2::model::LlamaModel;
use serde::Deserialize;

use crate::context::{ContextPlan, PASS_TOKENS};
use crate::threads;
pub use kept::{keep, recall};
pub use trial::{Figures, Trial};

mod kept;
mod trial;

/// A person waits for a model's first load; what has not been tried by then stays as it was.
pub const FIRST_LOAD: Duration = Duration::from_secs(4);
/// Of the time for everything, what reading the prompt of one trial may take: there are up to seven.
const READING_PART: u32 = 8;
/// What replaces what is known to work has to be better by this part: measurements differ by so much.
const MARGIN: f64 = 0.05;
/// Tokens in a pass where attention is not computed in one go: it then needs memory for each pair of tokens, and with
/// so few of them as little as otherwise.
const SHORT_PASS_TOKENS: u32 = 128;
/// Steps of a trial that differ by more than this were disturbed: on a machine that does nothing else it is a few percent,
/// and beside another process that computes as much they take twice as long by turns.
const SPREAD_MAX: f64 = 0.25;
/// A chat's turn, by which trials are compared: tokens that are read, tokens that are answered.
const TURN: (f64, f64) = (512.0, 128.0);

/// What was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tuning {
    /// For one token of each stream.
    pub threads: u32,
    /// For prompts.
    pub batch_threads: u32,
    /// Whether attention is computed in one go; none: left to llama.cpp.
    pub flash_attention: Option<bool>,
    /// Tokens in one pass over the weights.
    pub pass_tokens: u32,
}

/// What was found, and whether it can be relied on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// The fastest of what was tried.
    pub tuning: Tuning,
    /// Whether the machine did so much else meanwhile that another choice may be better.
    pub is_disturbed: bool,
}

impl Tuning {
    /// Puts what was found where `request` leaves a choice.
    pub fn apply(self, plan: &mut ContextPlan, request: &LoadRequest) {
        plan.threads = request.threads.unwrap_or(self.threads);
        plan.batch_threads = request.batch_threads.or(request.threads).unwrap_or(self.batch_threads);
        plan.pass_tokens = self.pass_tokens.max(plan.slots).min(plan.batch_tokens);
        if let (FlashAttention::Auto, Some(is_on)) = (request.flash_attention, self.flash_attention) {
            plan.flash_attention = if is_on { FlashAttention::On } else { FlashAttention::Off };
        }
    }
}

/// Tries what `plan` leaves open, and begins no trial after `limit`. `tell` gets every one with what it measured.
pub fn tune(
    backend: &LlamaBackend,
    model: &'static LlamaModel,
    request: &LoadRequest,
    plan: &ContextPlan,
    limit: Duration,
    tell: &mut dyn FnMut(&Trial, Figures),
) -> Found {
    let mut tuner = Tuner { backend, model, until: Instant::now() + limit, tell, spreads: Vec::new() };
    let tuning = tuner.choose(request, plan, limit);
    Found { tuning, is_disturbed: are_disturbed(&tuner.spreads) }
}

struct Tuner<'a> {
    backend: &'a LlamaBackend,
    model: &'static LlamaModel,
    until: Instant,
    tell: &'a mut dyn FnMut(&Trial, Figures),
    /// Of all trials.
    spreads: Vec<f64>,
}

impl Tuner<'_> {
    /// What is fastest by what it measures within `limit`.
    fn choose(&mut self, request: &LoadRequest, plan: &ContextPlan, limit: Duration) -> Tuning {
        let unchanged = Tuning {
            threads: plan.threads,
            batch_threads: plan.batch_threads,
            flash_attention: None,
            pass_tokens: plan.pass_tokens,
        };
        let depth_tokens = trial::depth_within(limit / READING_PART, self.backend, self.model, plan);
        let Some(depth_tokens) = depth_tokens else { return unchanged };
        let mut best = Trial::new(plan, depth_tokens);
        let Some(mut figures) = self.measure(&best) else { return unchanged };
        let turn = |figures: Figures| TURN.0 * figures.read_token_s + TURN.1 * figures.step_s;
        for other in other_attention(&best.plan, request) {
            let other = Trial { plan: other, ..best.clone() };
            if let Some(other_figures) = self.measure(&other)
                && turn(other_figures) < turn(figures) * (1.0 - MARGIN)
            {
                (best, figures) = (other, other_figures);
            }
        }
        let (mut step_s, mut read_token_s) = (figures.step_s, figures.read_token_s);
        let (mut threads, mut batch_threads) = (plan.threads, plan.batch_threads);
        for count in other_threads(plan, request) {
            let with_threads = ContextPlan { threads: count, batch_threads: count, ..best.plan.clone() };
            let Some(other) = self.measure(&Trial { plan: with_threads, ..best.clone() }) else { continue };
            if request.threads.is_none() && other.step_s < step_s * (1.0 - MARGIN) {
                (threads, step_s) = (count, other.step_s);
            }
            if other.read_token_s < read_token_s * (1.0 - MARGIN) {
                (batch_threads, read_token_s) = (count, other.read_token_s);
            }
        }
        let flash_attention = match best.plan.flash_attention {
            FlashAttention::Auto => None,
            FlashAttention::On => Some(true),
            FlashAttention::Off => Some(false),
        };
        Tuning { threads, batch_threads, flash_attention, pass_tokens: best.plan.pass_tokens }
    }

    /// None where there is no time left, or the trial cannot be made.
    fn measure(&mut self, trial: &Trial) -> Option<Figures> {
        if Instant::now() > self.until {
            return None;
        }
        let figures = trial.measure(self.backend, self.model)?;
        self.spreads.push(figures.spread);
        (self.tell)(trial, figures);
        Some(figures)
    }
}

/// Whether trials with these spreads tell nothing: any of them may have been the one that lost.
fn are_disturbed(spreads: &[f64]) -> bool {
    spreads.iter().any(|spread| *spread > SPREAD_MAX)
}

/// Shorter passes, and attention done otherwise. With a GPU llama.cpp knows better.
fn other_attention(plan: &ContextPlan, request: &LoadRequest) -> Vec<ContextPlan> {
    let has_gpu = cfg!(any(feature = "cuda", feature = "metal", feature = "vulkan"));
    if has_gpu {
        return Vec::new();
    }
    let short = ContextPlan { pass_tokens: SHORT_PASS_TOKENS.max(plan.slots), ..plan.clone() };
    let without = ContextPlan { flash_attention: FlashAttention::Off, ..short.clone() };
    let is_open = request.flash_attention == FlashAttention::Auto && !plan.needs_flash_attention();
    if is_open { vec![short, without] } else { vec![short] }
}

/// Fewer threads than the plan's, where memory is the limit; and more for prompts, where cores offer several.
fn other_threads(plan: &ContextPlan, request: &LoadRequest) -> Vec<u32> {
    if request.threads.is_some() && request.batch_threads.is_some() {
        return Vec::new();
    }
    let mut counts = vec![plan.threads.div_ceil(2), plan.threads * 3 / 4, threads::available()];
    counts.retain(|count| *count > 0 && *count != plan.threads);
    counts.sort_unstable();
    counts.dedup();
    counts
}

/// Streams together, with a cache for each and with one for all: for people, since nothing may follow from it.
pub fn stream_trials(plan: &ContextPlan, depth_tokens: u32) -> [Trial; 2] {
    [false, true].map(|is_unified| {
        let plan = ContextPlan { is_unified, pass_tokens: PASS_TOKENS, ..plan.clone() };
        Trial { streams: plan.slots, ..Trial::new(&plan, depth_tokens) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(threads: u32) -> ContextPlan {
        ContextPlan { threads, batch_threads: threads, ..ContextPlan::new(&LoadRequest::new("m"), 4, 2048) }
    }

    #[test]
    fn one_trial_that_was_disturbed_makes_all_of_them_doubtful() {
        assert!(!are_disturbed(&[]));
        assert!(!are_disturbed(&[0.01, 0.08, SPREAD_MAX]));
        assert!(are_disturbed(&[0.01, 0.9, 0.02]));
    }

    #[test]
    fn what_is_set_is_not_tried() {
        let set = LoadRequest {
            threads: Some(8),
            batch_threads: Some(8),
            flash_attention: FlashAttention::On,
            ..LoadRequest::new("m")
        };
        assert!(other_threads(&plan(8), &set).is_empty());
        let attention = other_attention(&plan(8), &set);
        assert!(attention.iter().all(|plan| plan.flash_attention != FlashAttention::Off));
    }

    #[test]
    fn fewer_threads_are_tried_and_never_none() {
        let open = LoadRequest::new("m");
        assert!(
            other_threads(&plan(8), &open).starts_with(&[]) && other_threads(&plan(8), &open).contains(&4)
        );
        assert!(other_threads(&plan(1), &open).iter().all(|count| *count > 0));
    }

    #[test]
    fn what_is_set_wins_over_what_was_found() {
        let found = Tuning { threads: 3, batch_threads: 4, flash_attention: Some(false), pass_tokens: 128 };
        let mut tuned = plan(8);
        found.apply(&mut tuned, &LoadRequest::new("m"));
        assert_eq!((tuned.threads, tuned.batch_threads, tuned.pass_tokens), (3, 4, 128));
        assert_eq!(tuned.flash_attention, FlashAttention::Off);
        let set =
            LoadRequest { threads: Some(2), flash_attention: FlashAttention::On, ..LoadRequest::new("m") };
        let mut as_set = ContextPlan::new(&set, 4, 2048);
        found.apply(&mut as_set, &set);
        assert_eq!((as_set.threads, as_set.batch_threads), (2, 2));
        assert_eq!(as_set.flash_attention, FlashAttention::On);
    }
}
