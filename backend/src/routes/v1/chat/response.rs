//! The bodies of chat completions, as clients read them, and what events share with them.

use engine::{FinishReason, TextKind, TokenChoice};
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use super::logprobs::Logprobs;
use super::usage::{TimingsView, Usage};

/// What all events of one answer, or its body, begin with.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(in crate::routes) struct Head {
    /// `chatcmpl-` and what makes it unique.
    id: String,
    /// `chat.completion` or `chat.completion.chunk`.
    object: &'static str,
    /// In seconds since 1970; the same in all events.
    created: i64,
    /// The model that answers.
    model: String,
}

impl Head {
    pub(super) fn new(object: &'static str, model: String) -> Self {
        let id = format!("chatcmpl-{}", Uuid::now_v7().simple());
        Self { id, object, created: OffsetDateTime::now_utc().unix_timestamp(), model }
    }
}

/// A whole answer.
#[derive(Serialize, ToSchema)]
#[schema(as = ChatCompletionAnswer)]
pub(in crate::routes) struct Completed {
    #[serde(flatten)]
    pub(super) head: Head,
    /// The answers, in order.
    pub(super) choices: Vec<Choice>,
    /// Tokens.
    pub(super) usage: Usage,
    /// Times and speeds.
    pub(super) timings: TimingsView,
}

/// One answer.
#[derive(Serialize, ToSchema)]
pub(in crate::routes) struct Choice {
    /// From 0.
    index: u32,
    /// The answer.
    message: Answer,
    /// How likely its tokens were, where that was asked for.
    logprobs: Option<Logprobs>,
    /// `stop`, `length` or `tool_calls`.
    finish_reason: &'static str,
}

/// A message of the model.
#[derive(Default, Serialize, ToSchema)]
#[schema(as = OpenAiAnswer)]
pub(in crate::routes) struct Answer {
    /// `assistant`.
    role: &'static str,
    /// The answer; null where there is nothing but calls.
    content: Option<String>,
    /// What the model thought first.
    #[serde(skip_serializing_if = "String::is_empty")]
    reasoning_content: String,
    /// The tools that the model calls.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<Call>,
    /// Always null: there is no filter.
    refusal: Option<()>,
}

/// A call of a tool.
#[derive(Default, Serialize, ToSchema)]
#[schema(as = OpenAiToolCall)]
pub(in crate::routes) struct Call {
    /// Names the call in its result.
    id: String,
    /// `function`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The call.
    function: Called,
}

/// The function that is called.
#[derive(Default, Serialize, ToSchema)]
pub(in crate::routes) struct Called {
    /// Of the tool.
    name: String,
    /// JSON, as text.
    arguments: String,
}

impl Choice {
    /// An answer without a word.
    pub(super) fn open(index: u32) -> Self {
        let message = Answer { role: "assistant", ..Answer::default() };
        Self { index, message, logprobs: None, finish_reason: "stop" }
    }

    pub(super) fn push(&mut self, kind: TextKind, text: &str, likelihoods: &[TokenChoice]) {
        let message = &mut self.message;
        match kind {
            TextKind::Answer => message.content.get_or_insert_default().push_str(text),
            TextKind::Reasoning => message.reasoning_content.push_str(text),
            TextKind::Arguments => {
                if let Some(call) = message.tool_calls.last_mut() {
                    call.function.arguments.push_str(text);
                }
            }
        }
        if let Some(more) = Logprobs::of(kind, likelihoods) {
            self.logprobs.get_or_insert_default().append(more);
        }
    }

    pub(super) fn call(&mut self, id: String, name: String) {
        let function = Called { name, arguments: String::new() };
        self.message.tool_calls.push(Call { id, kind: "function", function });
    }

    pub(super) fn end(&mut self, reason: FinishReason) {
        let calls = !self.message.tool_calls.is_empty();
        if !calls {
            self.message.content.get_or_insert_default();
        }
        self.finish_reason = finish_reason(reason, calls);
    }
}

/// The word for an end. Nobody but the client itself stops an answer here.
pub(super) fn finish_reason(reason: FinishReason, calls: bool) -> &'static str {
    match reason {
        FinishReason::Stop | FinishReason::Stopped if calls => "tool_calls",
        FinishReason::Stop | FinishReason::Stopped => "stop",
        FinishReason::Length => "length",
    }
}
