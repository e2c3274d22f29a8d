//! The bounds of [`super::SamplingOptions`], collected until all are checked.

use super::{
    BIASES_MAX_COUNT, BREAKER_MAX_BYTES, BREAKERS_MAX_COUNT, Dry, InvalidOption, LOGPROBS_MAX, Mirostat,
    STOP_MAX_BYTES, STOP_MAX_COUNT, Xtc,
};
use crate::Token;

/// All breaches so far.
#[derive(Debug, Default)]
pub(super) struct Checks {
    pub(super) invalid: Vec<InvalidOption>,
}

impl Checks {
    pub(super) fn note(&mut self, field: &'static str, message: String) {
        self.invalid.push(InvalidOption { field, message });
    }

    /// From `low` to `high`.
    pub(super) fn range(
        &mut self,
        field: &'static str,
        value: Option<f32>,
        default: f32,
        low: f32,
        high: f32,
    ) -> f32 {
        let value = value.unwrap_or(default);
        if !(low..=high).contains(&value) {
            self.note(field, format!("must be from {low} to {high}, and is {value}"));
        }
        value
    }

    /// Over 0, up to 1.
    pub(super) fn share(&mut self, field: &'static str, value: Option<f32>, default: f32) -> f32 {
        let value = value.unwrap_or(default);
        self.positive(field, "", value, 1.0);
        value
    }

    fn positive(&mut self, field: &'static str, what: &str, value: f32, high: f32) {
        if !(value > 0.0 && value <= high) {
            self.note(field, format!("{what}must be over 0 and up to {high}, and is {value}"));
        }
    }

    pub(super) fn stop(&mut self, stop: &[String]) {
        if stop.len() > STOP_MAX_COUNT {
            let message = format!("at most {STOP_MAX_COUNT} stop strings, and these are {}", stop.len());
            self.note("stop", message);
        } else if stop.iter().any(String::is_empty) {
            self.note("stop", "a stop string must not be empty".to_owned());
        } else if let Some(long) = stop.iter().find(|text| text.len() > STOP_MAX_BYTES) {
            let message =
                format!("a stop string has at most {STOP_MAX_BYTES} bytes, and one has {}", long.len());
            self.note("stop", message);
        }
    }

    pub(super) fn logit_bias(&mut self, biases: &[(Token, f32)]) {
        if biases.len() > BIASES_MAX_COUNT {
            let message = format!("at most {BIASES_MAX_COUNT} biases, and these are {}", biases.len());
            self.note("logit_bias", message);
        } else if let Some((token, bias)) = biases.iter().find(|(_, bias)| !(-100.0..=100.0).contains(bias)) {
            let message = format!("must be from -100 to 100, and that of token {token} is {bias}");
            self.note("logit_bias", message);
        }
    }

    pub(super) fn logprobs(&mut self, top: Option<u32>) {
        if let Some(top) = top.filter(|top| *top > LOGPROBS_MAX) {
            self.note("logprobs", format!("must be from 0 to {LOGPROBS_MAX}, and is {top}"));
        }
    }

    pub(super) fn repetition(&mut self, dry: Option<&Dry>, xtc: Option<Xtc>, mirostat: Option<Mirostat>) {
        if let Some(dry) = dry {
            self.range("dry", Some(dry.multiplier), 0.0, 0.0, 5.0);
            self.range("dry", Some(dry.base), 0.0, 1.0, 4.0);
            let breakers = &dry.sequence_breakers;
            if breakers.len() > BREAKERS_MAX_COUNT
                || breakers.iter().any(|text| text.is_empty() || text.len() > BREAKER_MAX_BYTES)
            {
                let message = format!(
                    "at most {BREAKERS_MAX_COUNT} sequence breakers of 1 to {BREAKER_MAX_BYTES} bytes each"
                );
                self.note("dry", message);
            }
        }
        if let Some(xtc) = xtc {
            self.range("xtc", Some(xtc.probability), 0.0, 0.0, 1.0);
            self.range("xtc", Some(xtc.threshold), 0.0, 0.0, 0.5);
        }
        if let Some(mirostat) = mirostat {
            self.positive("mirostat", "tau ", mirostat.tau, 20.0);
            self.positive("mirostat", "eta ", mirostat.eta, 1.0);
        }
    }
}
