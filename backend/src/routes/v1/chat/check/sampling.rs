//! How the answer to a chat completion is drawn, and what it is bound to be. The bounds are the engine's.

use std::collections::BTreeMap;

use engine::{Constraint, Dry, Mirostat, SamplingOptions, Token, Xtc};

use super::Faults;
use crate::routes::v1::chat::request::{ChatCompletion, ResponseFormat};

/// Of llama.cpp's server, whose names these fields have.
const XTC_THRESHOLD: f32 = 0.1;
const MIROSTAT_TAU: f32 = 5.0;
const MIROSTAT_ETA: f32 = 0.1;

/// The options of a body.
pub(super) fn read(body: &ChatCompletion, faults: &mut Faults) -> SamplingOptions {
    let options = SamplingOptions {
        temperature: body.temperature,
        top_p: body.top_p,
        top_k: body.top_k,
        min_p: body.min_p,
        typical_p: body.typical_p,
        repeat_penalty: body.repeat_penalty,
        presence_penalty: body.presence_penalty,
        frequency_penalty: body.frequency_penalty,
        seed: body.seed.map(folded),
        max_tokens: body.max_completion_tokens.or(body.max_tokens),
        stop: body.stop.clone().map(|stop| stop.0).unwrap_or_default(),
        logit_bias: body.logit_bias.as_ref().map(|biases| read_biases(biases, faults)).unwrap_or_default(),
        logprobs: logprobs(body, faults),
        dry: dry(body),
        xtc: body
            .xtc_probability
            .map(|probability| Xtc { probability, threshold: body.xtc_threshold.unwrap_or(XTC_THRESHOLD) }),
        mirostat: mirostat(body, faults),
        constraint: constraint(body, faults),
    };
    if let Err(invalid) = options.clone().check() {
        for option in invalid {
            faults.note(name_in_requests(option.field, body), option.message);
        }
    }
    options
}

/// What an option of the engine is called here.
fn name_in_requests<'a>(option: &'a str, body: &ChatCompletion) -> &'a str {
    match option {
        "constraint" if body.grammar.is_some() => "grammar",
        "constraint" => "response_format",
        "logprobs" => "top_logprobs",
        "max_tokens" if body.max_completion_tokens.is_some() => "max_completion_tokens",
        "dry" => "dry_multiplier",
        "xtc" => "xtc_probability",
        other => other,
    }
}

/// A seed of 64 bits as one of 32; those that fit stay as they are.
fn folded(seed: i64) -> u32 {
    let bits = seed.cast_unsigned();
    (bits ^ (bits >> 32)) as u32
}

fn read_biases(biases: &BTreeMap<String, f32>, faults: &mut Faults) -> Vec<(Token, f32)> {
    let mut read = Vec::new();
    for (token, bias) in biases {
        match token.parse() {
            Ok(token) => read.push((token, *bias)),
            Err(_) => faults.note(format!("logit_bias.{token}"), "is not the number of a token"),
        }
    }
    read
}

fn logprobs(body: &ChatCompletion, faults: &mut Faults) -> Option<u32> {
    match (body.logprobs == Some(true), body.top_logprobs) {
        (true, top) => Some(top.unwrap_or(0)),
        (false, None | Some(0)) => None,
        (false, Some(_)) => {
            faults.note("top_logprobs", "is for requests with `logprobs: true`");
            None
        }
    }
}

fn dry(body: &ChatCompletion) -> Option<Dry> {
    let standard = Dry::default();
    Some(Dry {
        multiplier: body.dry_multiplier?,
        base: body.dry_base.unwrap_or(standard.base),
        allowed_length: body.dry_allowed_length.unwrap_or(standard.allowed_length),
        // Below 0 is all of it.
        window: body.dry_penalty_last_n.and_then(|tokens| u32::try_from(tokens).ok()),
        sequence_breakers: body.dry_sequence_breakers.clone().unwrap_or(standard.sequence_breakers),
    })
}

fn mirostat(body: &ChatCompletion, faults: &mut Faults) -> Option<Mirostat> {
    match body.mirostat {
        None | Some(0) => None,
        Some(2) => Some(Mirostat {
            tau: body.mirostat_tau.unwrap_or(MIROSTAT_TAU),
            eta: body.mirostat_eta.unwrap_or(MIROSTAT_ETA),
        }),
        Some(other) => {
            faults.note("mirostat", format!("must be 0 (off) or 2, and is {other}"));
            None
        }
    }
}

fn constraint(body: &ChatCompletion, faults: &mut Faults) -> Option<Constraint> {
    let by_format = match &body.response_format {
        None | Some(ResponseFormat::Text) => None,
        Some(ResponseFormat::JsonObject) => Some(Constraint::JsonObject),
        Some(ResponseFormat::JsonSchema { json_schema }) => match &json_schema.schema {
            Some(schema) => {
                Some(Constraint::JsonSchema(serde_json::Value::Object(schema.clone()).to_string()))
            }
            None => {
                faults.note("response_format.json_schema.schema", "is missing");
                None
            }
        },
    };
    match (&body.grammar, by_format) {
        (None, by_format) => by_format,
        (Some(grammar), None) => Some(Constraint::Grammar(grammar.clone())),
        (Some(_), Some(_)) => {
            faults.note("grammar", "cannot stand beside a response_format that binds the answer too");
            None
        }
    }
}
