//! From the body of a chat completion to a request of the service: what is understood is taken over, what is known and
//! cannot be done is refused by its name. All faults come together; the first becomes `param`. Bounds of sampling are
//! the engine's.

mod messages;
mod tools;

use engine::{Chat, Constraint, Engine, ReasoningEffort, ReasoningMode, SamplingOptions, Token};
use shared::FieldError;

use super::request::{self, ChatCompletion, ResponseFormat};
use crate::AppError;
use crate::error::AppResult;
use crate::services::completions::CompletionRequest;
use crate::services::model_choice;

/// The request of the service.
///
/// # Errors
/// `unknown_model`, or `invalid_fields`.
pub(super) fn check(engine: &Engine, body: ChatCompletion) -> AppResult<CompletionRequest> {
    let mut faults = Faults::default();
    faults.refuse_what_is_not_there_yet(&body);
    let wanted = body.model.filter(|model| !model.is_empty());
    let choices = body.n.unwrap_or(1);
    let chat = Chat {
        reasoning: reasoning(body.reasoning_effort),
        ..messages::read(body.messages.unwrap_or_default(), &mut faults)
    };
    let chat = tools::add(chat, body.tools, body.tool_choice, body.parallel_tool_calls, &mut faults);
    let sampling = SamplingOptions {
        temperature: body.temperature,
        top_p: body.top_p,
        top_k: body.top_k,
        min_p: body.min_p,
        repeat_penalty: body.repeat_penalty,
        presence_penalty: body.presence_penalty,
        frequency_penalty: body.frequency_penalty,
        seed: body.seed.map(folded),
        max_tokens: body.max_completion_tokens.or(body.max_tokens),
        stop: body.stop.map(|stop| stop.0).unwrap_or_default(),
        logit_bias: faults.biases(body.logit_bias.unwrap_or_default()),
        logprobs: faults.logprobs(body.logprobs, body.top_logprobs),
        constraint: body.response_format.and_then(|format| faults.constraint(format)),
        ..SamplingOptions::default()
    };
    if !faults.0.is_empty() {
        return Err(AppError::fields(faults.0));
    }
    let model = model_choice::resolve(engine, wanted.as_deref())?;
    Ok(CompletionRequest { model, chat, sampling, choices })
}

/// A seed of 64 bits as one of 32; those that fit stay as they are.
fn folded(seed: i64) -> u32 {
    let bits = seed.cast_unsigned();
    (bits ^ (bits >> 32)) as u32
}

fn reasoning(effort: Option<request::ReasoningEffort>) -> ReasoningMode {
    match effort {
        None => ReasoningMode::Default,
        Some(request::ReasoningEffort::None) => ReasoningMode::Off,
        Some(request::ReasoningEffort::Minimal | request::ReasoningEffort::Low) => {
            ReasoningMode::Effort(ReasoningEffort::Low)
        }
        Some(request::ReasoningEffort::Medium) => ReasoningMode::Effort(ReasoningEffort::Medium),
        Some(request::ReasoningEffort::High) => ReasoningMode::Effort(ReasoningEffort::High),
    }
}

/// What is wrong with a body.
#[derive(Default)]
struct Faults(Vec<FieldError>);

impl Faults {
    fn note(&mut self, field: impl Into<String>, message: impl Into<String>) {
        self.0.push(FieldError { field: field.into(), message: message.into() });
    }

    /// What the engine would not do. What has no effect is no fault: an empty list of tools, a format that binds
    /// nothing.
    fn refuse_what_is_not_there_yet(&mut self, body: &ChatCompletion) {
        let is_bound = !matches!(&body.response_format, None | Some(ResponseFormat::Text));
        for (field, is_asked) in [
            ("tools", body.tools.as_ref().is_some_and(|tools| !tools.is_empty())),
            ("response_format", is_bound),
            ("logprobs", body.logprobs == Some(true)),
            ("logit_bias", body.logit_bias.as_ref().is_some_and(|bias| !bias.is_empty())),
            ("reasoning_effort", body.reasoning_effort.is_some()),
        ] {
            if is_asked {
                self.note(field, "is not supported yet; leave it out");
            }
        }
    }

    fn biases(&mut self, biases: impl IntoIterator<Item = (String, f32)>) -> Vec<(Token, f32)> {
        let mut read = Vec::new();
        for (token, bias) in biases {
            match token.parse() {
                Ok(token) => read.push((token, bias)),
                Err(_) => self.note(format!("logit_bias.{token}"), "is not the number of a token"),
            }
        }
        read
    }

    fn logprobs(&mut self, wanted: Option<bool>, top: Option<u32>) -> Option<u32> {
        match (wanted == Some(true), top) {
            (true, top) => Some(top.unwrap_or(0)),
            (false, None | Some(0)) => None,
            (false, Some(_)) => {
                self.note("top_logprobs", "is for requests with `logprobs: true`");
                None
            }
        }
    }

    fn constraint(&mut self, format: ResponseFormat) -> Option<Constraint> {
        match format {
            ResponseFormat::Text => None,
            ResponseFormat::JsonObject => Some(Constraint::JsonObject),
            ResponseFormat::JsonSchema { json_schema } => match json_schema.schema {
                Some(schema) => Some(Constraint::JsonSchema(serde_json::Value::Object(schema).to_string())),
                None => {
                    self.note("response_format.json_schema.schema", "is missing");
                    None
                }
            },
        }
    }
}
