//! How the next token is chosen: options as anybody may send them, and params that have been checked.

use std::hash::{BuildHasher, Hasher, RandomState};

use serde::{Deserialize, Serialize};

/// Most stop strings of one request: each is searched for at every token.
const STOP_MAX_COUNT: usize = 16;
/// Most bytes of one stop string: so much text may have to be held back.
const STOP_MAX_BYTES: usize = 256;

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
}

impl SamplingOptions {
    /// Checks every bound, fills in the defaults and draws the seed where there is none. All breaches are told
    /// together.
    pub fn check(self) -> Result<SamplingParams, Vec<InvalidOption>> {
        let mut invalid = Vec::new();
        let mut number = |field, value: Option<f32>, default, low: f32, high: f32| {
            let value = value.unwrap_or(default);
            if !(low..=high).contains(&value) {
                invalid.push(InvalidOption {
                    field,
                    message: format!("must be from {low} to {high}, and is {value}"),
                });
            }
            value
        };
        let temperature = number("temperature", self.temperature, 0.8, 0.0, 2.0);
        let min_p = number("min_p", self.min_p, 0.05, 0.0, 1.0);
        let repeat_penalty = number("repeat_penalty", self.repeat_penalty, 1.0, 0.5, 2.0);
        let presence_penalty = number("presence_penalty", self.presence_penalty, 0.0, -2.0, 2.0);
        let frequency_penalty = number("frequency_penalty", self.frequency_penalty, 0.0, -2.0, 2.0);
        let top_p = self.top_p.unwrap_or(0.95);
        if !(top_p > 0.0 && top_p <= 1.0) {
            invalid.push(InvalidOption {
                field: "top_p",
                message: format!("must be over 0 and up to 1, and is {top_p}"),
            });
        }
        if self.max_tokens == Some(0) {
            invalid.push(InvalidOption { field: "max_tokens", message: "must be at least 1".to_owned() });
        }
        invalid.extend(check_stop(&self.stop));
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
        })
    }
}

fn check_stop(stop: &[String]) -> Option<InvalidOption> {
    let message = if stop.len() > STOP_MAX_COUNT {
        format!("at most {STOP_MAX_COUNT} stop strings, and these are {}", stop.len())
    } else if stop.iter().any(String::is_empty) {
        "a stop string must not be empty".to_owned()
    } else if let Some(long) = stop.iter().find(|text| text.len() > STOP_MAX_BYTES) {
        format!("a stop string has at most {STOP_MAX_BYTES} bytes, and one has {}", long.len())
    } else {
        return None;
    };
    Some(InvalidOption { field: "stop", message })
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_takes_its_default_and_a_seed_is_drawn() {
        let params = SamplingOptions::default().check().unwrap();
        assert_eq!(
            (params.temperature(), params.top_p(), params.top_k(), params.min_p()),
            (0.8, 0.95, 40, 0.05)
        );
        assert_eq!(
            (params.repeat_penalty(), params.presence_penalty(), params.frequency_penalty()),
            (1.0, 0.0, 0.0)
        );
        assert_eq!((params.max_tokens(), params.stop()), (None, &[][..]));
        let seeds: Vec<u32> = (0..8).map(|_| SamplingOptions::default().check().unwrap().seed()).collect();
        assert!(seeds.iter().any(|seed| *seed != seeds[0]));
    }

    #[test]
    fn every_breach_is_told_with_its_field() {
        let options = SamplingOptions {
            temperature: Some(2.5),
            top_p: Some(0.0),
            min_p: Some(f32::NAN),
            repeat_penalty: Some(0.0),
            presence_penalty: Some(-3.0),
            frequency_penalty: Some(f32::INFINITY),
            max_tokens: Some(0),
            stop: vec![String::new()],
            ..SamplingOptions::default()
        };
        let mut fields: Vec<&str> =
            options.check().unwrap_err().iter().map(|invalid| invalid.field).collect();
        fields.sort_unstable();
        assert_eq!(
            fields,
            [
                "frequency_penalty",
                "max_tokens",
                "min_p",
                "presence_penalty",
                "repeat_penalty",
                "stop",
                "temperature",
                "top_p"
            ]
        );
    }

    #[test]
    fn stop_strings_are_bounded_in_number_and_length() {
        let with = |stop| SamplingOptions { stop, ..SamplingOptions::default() }.check();
        assert!(with(vec!["x".repeat(STOP_MAX_BYTES); STOP_MAX_COUNT]).is_ok());
        assert!(with(vec!["x".to_owned(); STOP_MAX_COUNT + 1]).is_err());
        assert!(with(vec!["x".repeat(STOP_MAX_BYTES + 1)]).is_err());
    }
}
