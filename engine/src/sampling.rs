//! How the next token is chosen: options as anybody may send them, and params that have been checked.

use std::hash::{BuildHasher, Hasher, RandomState};

use serde::{Deserialize, Serialize};

use crate::{Constraint, Token};

mod checks;
#[cfg(test)]
mod tests;

/// Most stop strings of one request: each is searched for at every token.
const STOP_MAX_COUNT: usize = 16;
/// Most bytes of one stop string: so much text may have to be held back.
const STOP_MAX_BYTES: usize = 256;
/// Most biases of one request: all are added at every token.
const BIASES_MAX_COUNT: usize = 1_024;
/// Most alternatives told of each token: they are part of every event.
const LOGPROBS_MAX: u32 = 20;
/// Most sequence breakers of one request, and of each the most bytes: each is looked up in the vocabulary.
const BREAKERS_MAX_COUNT: usize = 16;
const BREAKER_MAX_BYTES: usize = 40;

/// How to sample, unchecked. What is missing takes its default in [`SamplingOptions::check`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SamplingOptions {
    /// 0 (always the likeliest token) to 2; 0.8 where missing.
    pub temperature: Option<f32>,
    /// Only the likeliest tokens that together reach this probability: over 0, up to 1; 0.95 where missing.
    pub top_p: Option<f32>,
    /// Only this many of the likeliest tokens, 0 is all; 40 where missing.
    pub top_k: Option<u32>,
    /// Only tokens at least this likely relative to the likeliest: 0 to 1; 0.05 where missing.
    pub min_p: Option<f32>,
    /// Divides the logits of tokens that the answer used: 0.5 to 2; 1 (off) where missing.
    pub repeat_penalty: Option<f32>,
    /// Taken once from the logit of each token that the answer used: -2 to 2; 0 where missing.
    pub presence_penalty: Option<f32>,
    /// Taken from the logit of a token for each use in the answer: -2 to 2; 0 where missing.
    pub frequency_penalty: Option<f32>,
    /// The same seed, model and prompt give the same answer; drawn where missing.
    pub seed: Option<u32>,
    /// Most tokens of the answer, at least 1; up to the end of the context where missing.
    pub max_tokens: Option<u32>,
    /// The answer ends before the first of these.
    pub stop: Vec<String>,
    /// Added to the logits of tokens, each once: -100 (never) to 100; of tokens that the model does not have, none.
    pub logit_bias: Vec<(Token, f32)>,
    /// How many of the likeliest tokens are told with each token, 0 for the token alone, up to 20; nothing is told where
    /// missing.
    pub logprobs: Option<u32>,
    /// Only the tokens nearest to the expected surprise that together reach this probability: over 0, up to 1; 1 (off)
    /// where missing.
    pub typical_p: Option<f32>,
    /// Holds off from going on with what was written before; off where missing.
    pub dry: Option<Dry>,
    /// Sometimes leaves out the likeliest tokens; off where missing.
    pub xtc: Option<Xtc>,
    /// Keeps the surprise even, instead of all cuts; off where missing.
    pub mirostat: Option<Mirostat>,
    /// What the answer is bound to be; anything where missing.
    pub constraint: Option<Constraint>,
}

/// "Don't repeat yourself": takes from the logit of a token that would go on with a repetition the more, the longer
/// that already is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Dry {
    /// How much: 0 (off) to 5.
    pub multiplier: f32,
    /// Grows with each token of the repetition by this factor: 1 to 4.
    pub base: f32,
    /// A repetition up to this many tokens is free.
    pub allowed_length: u32,
    /// How far back in the answer is looked, in tokens: up to 2,048, which is what none means.
    pub window: Option<u32>,
    /// Texts that end a repetition, at most 16 of up to 40 bytes.
    pub sequence_breakers: Vec<String>,
}

impl Default for Dry {
    fn default() -> Self {
        let sequence_breakers = ["\n", ":", "\"", "*"].map(str::to_owned).to_vec();
        Self { multiplier: 0.8, base: 1.75, allowed_length: 2, window: None, sequence_breakers }
    }
}

/// "Exclude top choices".
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Xtc {
    /// How often: 0 (never) to 1 (at each token).
    pub probability: f32,
    /// Of the tokens at least this likely all but the least likely one are left out: 0 to 0.5.
    pub threshold: f32,
}

/// Mirostat 2. An answer that is continued begins anew to learn what it may expect.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mirostat {
    /// The surprise to keep, in bits: over 0, up to 20.
    pub tau: f32,
    /// How fast it learns: over 0, up to 1.
    pub eta: f32,
}

/// An option outside its bounds.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {message}")]
pub struct InvalidOption {
    /// The name of the field in [`SamplingOptions`].
    pub field: &'static str,
    /// The bounds, and what was sent.
    pub message: String,
}

/// How to sample, checked: there is no other way to make one than [`SamplingOptions::check`], which deserialising
/// uses too.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "SamplingOptions", into = "SamplingOptions")]
pub struct SamplingParams {
    temperature: f32,
    top_p: f32,
    top_k: u32,
    min_p: f32,
    repeat_penalty: f32,
    presence_penalty: f32,
    frequency_penalty: f32,
    seed: u32,
    max_tokens: Option<u32>,
    stop: Vec<String>,
    logit_bias: Vec<(Token, f32)>,
    logprobs: Option<u32>,
    typical_p: f32,
    dry: Option<Dry>,
    xtc: Option<Xtc>,
    mirostat: Option<Mirostat>,
    constraint: Option<Constraint>,
}

impl SamplingOptions {
    /// Checks every bound, fills in the defaults and draws the seed where there is none. All breaches are told
    /// together.
    pub fn check(self) -> Result<SamplingParams, Vec<InvalidOption>> {
        let mut checks = checks::Checks::default();
        let temperature = checks.range("temperature", self.temperature, 0.8, 0.0, 2.0);
        let min_p = checks.range("min_p", self.min_p, 0.05, 0.0, 1.0);
        let repeat_penalty = checks.range("repeat_penalty", self.repeat_penalty, 1.0, 0.5, 2.0);
        let presence_penalty = checks.range("presence_penalty", self.presence_penalty, 0.0, -2.0, 2.0);
        let frequency_penalty = checks.range("frequency_penalty", self.frequency_penalty, 0.0, -2.0, 2.0);
        let top_p = checks.share("top_p", self.top_p, 0.95);
        let typical_p = checks.share("typical_p", self.typical_p, 1.0);
        if self.max_tokens == Some(0) {
            checks.note("max_tokens", "must be at least 1".to_owned());
        }
        checks.stop(&self.stop);
        checks.logit_bias(&self.logit_bias);
        checks.logprobs(self.logprobs);
        checks.repetition(self.dry.as_ref(), self.xtc, self.mirostat);
        if let Some(Err(message)) = self.constraint.as_ref().map(Constraint::check) {
            checks.note("constraint", message);
        }
        let invalid = checks.invalid;
        if !invalid.is_empty() {
            return Err(invalid);
        }
        Ok(SamplingParams {
            temperature,
            top_p,
            top_k: self.top_k.unwrap_or(40),
            min_p,
            repeat_penalty,
            presence_penalty,
            frequency_penalty,
            seed: self.seed.unwrap_or_else(draw_seed),
            max_tokens: self.max_tokens,
            stop: self.stop,
            logit_bias: self.logit_bias,
            logprobs: self.logprobs,
            typical_p,
            dry: self.dry.filter(|dry| dry.multiplier > 0.0),
            xtc: self.xtc.filter(|xtc| xtc.probability > 0.0),
            mirostat: self.mirostat,
            constraint: self.constraint,
        })
    }
}

/// A seed nobody can foretell: the standard library's hash keys are random.
fn draw_seed() -> u32 {
    let bits = RandomState::new().build_hasher().finish();
    (bits ^ (bits >> 32)) as u32
}

impl SamplingParams {
    /// 0 is greedy.
    pub fn temperature(&self) -> f32 {
        self.temperature
    }

    /// 1 is off.
    pub fn top_p(&self) -> f32 {
        self.top_p
    }

    /// 0 is off.
    pub fn top_k(&self) -> u32 {
        self.top_k
    }

    /// 0 is off.
    pub fn min_p(&self) -> f32 {
        self.min_p
    }

    /// 1 is off.
    pub fn repeat_penalty(&self) -> f32 {
        self.repeat_penalty
    }

    /// 0 is off.
    pub fn presence_penalty(&self) -> f32 {
        self.presence_penalty
    }

    /// 0 is off.
    pub fn frequency_penalty(&self) -> f32 {
        self.frequency_penalty
    }

    /// As sent, or as drawn: kept with an answer, it lets the answer be continued.
    pub fn seed(&self) -> u32 {
        self.seed
    }

    /// Most tokens of the answer; none: up to the end of the context.
    pub fn max_tokens(&self) -> Option<u32> {
        self.max_tokens
    }

    /// The answer ends before the first of these.
    pub fn stop(&self) -> &[String] {
        &self.stop
    }

    /// Added to logits.
    pub fn logit_bias(&self) -> &[(Token, f32)] {
        &self.logit_bias
    }

    /// How many alternatives are told with each token; none: nothing is told.
    pub fn logprobs(&self) -> Option<u32> {
        self.logprobs
    }

    /// 1 is off.
    pub fn typical_p(&self) -> f32 {
        self.typical_p
    }

    /// None is off.
    pub fn dry(&self) -> Option<&Dry> {
        self.dry.as_ref()
    }

    /// None is off.
    pub fn xtc(&self) -> Option<Xtc> {
        self.xtc
    }

    /// None is off.
    pub fn mirostat(&self) -> Option<Mirostat> {
        self.mirostat
    }

    /// What the answer is bound to be.
    pub fn constraint(&self) -> Option<&Constraint> {
        self.constraint.as_ref()
    }
}

impl From<SamplingParams> for SamplingOptions {
    fn from(params: SamplingParams) -> Self {
        Self {
            temperature: Some(params.temperature),
            top_p: Some(params.top_p),
            top_k: Some(params.top_k),
            min_p: Some(params.min_p),
            repeat_penalty: Some(params.repeat_penalty),
            presence_penalty: Some(params.presence_penalty),
            frequency_penalty: Some(params.frequency_penalty),
            seed: Some(params.seed),
            max_tokens: params.max_tokens,
            stop: params.stop,
            logit_bias: params.logit_bias,
            logprobs: params.logprobs,
            typical_p: Some(params.typical_p),
            dry: params.dry,
            xtc: params.xtc,
            mirostat: params.mirostat,
            constraint: params.constraint,
        }
    }
}

impl TryFrom<SamplingOptions> for SamplingParams {
    type Error = String;

    fn try_from(options: SamplingOptions) -> Result<Self, String> {
        options.check().map_err(|invalid| {
            let breaches: Vec<String> = invalid.iter().map(ToString::to_string).collect();
            breaches.join("; ")
        })
    }
}
