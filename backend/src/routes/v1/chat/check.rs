//! From the body of a chat completion to a request of the service. All faults come together, each with the name of its
//! field; the first becomes `param`.

mod messages;
mod sampling;
mod tools;

use engine::{Chat, Engine, ReasoningEffort, ReasoningMode};
use shared::FieldError;

use super::request::{self, ChatCompletion};
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
    let sampling = sampling::read(&body, &mut faults);
    let wanted = body.model.filter(|model| !model.is_empty());
    let choices = body.n.unwrap_or(1);
    let chat = Chat {
        reasoning: reasoning(body.reasoning_effort),
        ..messages::read(body.messages.unwrap_or_default(), &mut faults)
    };
    let chat = tools::add(chat, body.tools, body.tool_choice, body.parallel_tool_calls, &mut faults);
    if !faults.0.is_empty() {
        return Err(AppError::fields(faults.0));
    }
    let model = model_choice::resolve(engine, wanted.as_deref())?;
    Ok(CompletionRequest { model, chat, sampling, choices })
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
}
