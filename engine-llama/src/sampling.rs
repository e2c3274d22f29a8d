//! Chooses a token from logits: penalties and biases, top-k, typical, top-p, min-p, XTC, temperature, then one draw.
//!
//! [`crate::decoder`] calls it, once per token and stream. Written here and not taken from llama.cpp's chain
//! because chance must come from the caller's draw, and because a chain copies the whole vocabulary for
//! each token. The order is llama.cpp's: temperature comes last, so the cuts see the model's own certainty.

use std::cmp::Ordering;
use std::collections::HashMap;

use engine::decoder::{FilterError, TokenFilter};
use engine::{SamplingParams, Token};

use repetition::Repetition;
use shape::Shape;

mod repetition;
mod shape;

/// How many of the likeliest candidates are put in order at first: a draw rarely goes further.
const FIRST_RANKED: usize = 256;

/// Chooses the tokens of one answer.
#[derive(Debug)]
pub struct Sampler {
    params: SamplingParams,
    /// How often the answer used each token; empty while no penalty is on.
    uses: HashMap<Token, u32>,
    /// None while it is off.
    repetition: Option<Repetition>,
    /// None while the usual cuts are all.
    shape: Option<Shape>,
    /// Kept to be used again: as large as the vocabulary where a penalty is on.
    logits: Vec<f32>,
    candidates: Vec<Candidate>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Candidate {
    token: Token,
    logit: f32,
}

impl Sampler {
    /// A sampler for an answer that begins with `answer`; `bytes` are those of a token.
    pub fn new<'a>(params: &SamplingParams, answer: &[Token], bytes: impl Fn(Token) -> &'a [u8]) -> Self {
        let mut sampler = Self {
            uses: HashMap::new(),
            repetition: params.dry().map(Repetition::new),
            shape: Shape::of(params),
            params: params.clone(),
            logits: Vec::new(),
            candidates: Vec::new(),
        };
        for token in answer {
            sampler.count(*token, bytes(*token));
        }
        sampler
    }

    /// Chooses the next token by its logits, one per token of the vocabulary. `draw` is in `[0, 1)`. Where `filter`
    /// forbids the choice, the same draw chooses among what it allows; none where it does not know yet, and this is to be
    /// called again. [`Sampler::count`] has to be told.
    pub fn choose(
        &mut self,
        logits: &[f32],
        draw: f64,
        filter: Option<&mut (dyn TokenFilter + 'static)>,
    ) -> Result<Option<Token>, FilterError> {
        let is_changed = self.change(logits);
        let mut token = self.pick(if is_changed { None } else { Some(logits) }, draw);
        if let Some(filter) = filter {
            let Some(is_allowed) = filter.allows(token)? else { return Ok(None) };
            if !is_allowed {
                if !is_changed {
                    self.logits.clear();
                    self.logits.extend_from_slice(logits);
                }
                if !filter.retain(&mut self.logits)? {
                    return Ok(None);
                }
                token = self.pick(None, draw);
            }
        }
        if let Some(shape) = &mut self.shape {
            shape.settle();
        }
        Ok(Some(token))
    }

    /// The answer has this token now.
    pub fn count(&mut self, token: Token, bytes: &[u8]) {
        let params = &self.params;
        let penalties =
            [params.repeat_penalty() - 1.0, params.presence_penalty(), params.frequency_penalty()];
        if penalties.iter().any(|penalty| *penalty != 0.0) {
            *self.uses.entry(token).or_default() += 1;
        }
        if let Some(repetition) = &mut self.repetition {
            repetition.push(token, bytes);
        }
    }

    /// Copies the logits and changes them as penalties and biases ask for; false where there are none.
    fn change(&mut self, logits: &[f32]) -> bool {
        let is_changed =
            !self.uses.is_empty() || !self.params.logit_bias().is_empty() || self.repetition.is_some();
        if !is_changed {
            return false;
        }
        self.penalise(logits);
        for (token, bias) in self.params.logit_bias() {
            add(&mut self.logits, *token, *bias);
        }
        if let Some(repetition) = &self.repetition {
            for (token, penalty) in repetition.penalties() {
                add(&mut self.logits, token, -penalty);
            }
        }
        true
    }

    /// From `logits`, or where there are none from the changed ones.
    fn pick(&mut self, logits: Option<&[f32]>, draw: f64) -> Token {
        let logits = logits.unwrap_or(&self.logits);
        if self.params.temperature() == 0.0 {
            return likeliest(logits);
        }
        self.candidates.clear();
        collect(logits, self.params.top_k() as usize, &mut self.candidates);
        match &mut self.shape {
            Some(shape) => {
                self.candidates.sort_unstable_by(by_rank);
                shape.pick(&self.params, &mut self.candidates, draw)
            }
            None => pick(&self.params, Ranked::new(&mut self.candidates), draw),
        }
    }

    fn penalise(&mut self, logits: &[f32]) {
        self.logits.clear();
        self.logits.extend_from_slice(logits);
        for (token, uses) in &self.uses {
            let Some(logit) = usize::try_from(*token).ok().and_then(|index| self.logits.get_mut(index))
            else {
                continue;
            };
            let repeat = self.params.repeat_penalty();
            *logit = if *logit > 0.0 { *logit / repeat } else { *logit * repeat };
            *logit -= self.params.presence_penalty() + self.params.frequency_penalty() * *uses as f32;
        }
    }
}

fn add(logits: &mut [f32], token: Token, value: f32) {
    let place = usize::try_from(token).ok().and_then(|index| logits.get_mut(index));
    if let Some(logit) = place {
        *logit += value;
    }
}

/// The token with the highest logit, the first of several.
fn likeliest(logits: &[f32]) -> Token {
    let mut best = Candidate { token: 0, logit: f32::NEG_INFINITY };
    for (token, &logit) in (0..).zip(logits) {
        if logit > best.logit {
            best = Candidate { token, logit };
        }
    }
    best.token
}

/// Gathers the `top_k` likeliest tokens (all where it is 0), in no order. Impossible tokens stay away.
fn collect(logits: &[f32], top_k: usize, candidates: &mut Vec<Candidate>) {
    let top_k = if top_k == 0 { logits.len() } else { top_k };
    // Twice as many as wanted are let in before the weaker half goes: so the bar rises with few cuts.
    let room = top_k.saturating_mul(2);
    let mut bar = f32::NEG_INFINITY;
    for (token, &logit) in (0..).zip(logits) {
        if logit > bar {
            candidates.push(Candidate { token, logit });
            if candidates.len() == room {
                bar = cut(candidates, top_k);
            }
        }
    }
    if candidates.len() > top_k {
        cut(candidates, top_k);
    }
}

/// Keeps the `keep` likeliest (at least one, fewer than there are) and answers the least logit among them.
fn cut(candidates: &mut Vec<Candidate>, keep: usize) -> f32 {
    let (_, last, _) = candidates.select_nth_unstable_by(keep - 1, by_rank);
    let bar = last.logit;
    candidates.truncate(keep);
    bar
}

/// Likeliest first; of equals the one with the lower id, so that the order never depends on how it was found.
fn by_rank(a: &Candidate, b: &Candidate) -> Ordering {
    b.logit.total_cmp(&a.logit).then(a.token.cmp(&b.token))
}

/// Candidates in the order of their rank, sorted only as far as somebody looks.
struct Ranked<'a> {
    candidates: &'a mut [Candidate],
    sorted: usize,
}

impl<'a> Ranked<'a> {
    fn new(candidates: &'a mut [Candidate]) -> Self {
        Self { candidates, sorted: 0 }
    }

    fn get(&mut self, rank: usize) -> Option<Candidate> {
        while rank >= self.sorted && self.sorted < self.candidates.len() {
            let rest = self.candidates.get_mut(self.sorted..)?;
            let step = self.sorted.max(FIRST_RANKED);
            let next = if step < rest.len() { rest.select_nth_unstable_by(step, by_rank).0 } else { rest };
            next.sort_unstable_by(by_rank);
            self.sorted += next.len();
        }
        self.candidates.get(rank).copied()
    }
}

/// Cuts by top-p and min-p, applies the temperature, and walks down the ranks until the draw is passed.
fn pick(params: &SamplingParams, mut ranked: Ranked<'_>, draw: f64) -> Token {
    let Some(first) = ranked.get(0) else { return 0 };
    let weight = |candidate: &Candidate, temperature: f32| {
        f64::from((candidate.logit - first.logit) / temperature).exp()
    };

    let mut kept = ranked.candidates.len();
    if params.top_p() < 1.0 || params.min_p() > 0.0 {
        let total: f64 = ranked.candidates.iter().map(|candidate| weight(candidate, 1.0)).sum();
        let enough = if params.top_p() < 1.0 { total * f64::from(params.top_p()) } else { f64::INFINITY };
        let mut reached = 0.0;
        let mut rank = 0;
        while let Some(candidate) = ranked.get(rank) {
            let own = weight(&candidate, 1.0);
            if reached >= enough || own < f64::from(params.min_p()) {
                break;
            }
            reached += own;
            rank += 1;
        }
        kept = rank.max(1);
    }

    let temperature = params.temperature();
    let total: f64 =
        ranked.candidates.iter().take(kept).map(|candidate| weight(candidate, temperature)).sum();
    let mut reached = 0.0;
    let mut chosen = first;
    for rank in 0..kept {
        let Some(candidate) = ranked.get(rank) else { break };
        chosen = candidate;
        reached += weight(&candidate, temperature);
        if reached > draw * total {
            break;
        }
    }
    chosen.token
}

#[cfg(test)]
mod tests;
