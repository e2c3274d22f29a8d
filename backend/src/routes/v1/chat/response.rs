//! The bodies and events of chat completions, as clients read them.

use engine::{FinishReason, TextKind, TokenChoice, TokenLikelihood};
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::services::completions::{Timings, TokenCounts};

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
            self.logprobs.get_or_insert_default().content.extend(more.content);
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

/// How likely the tokens of a text were.
#[derive(Default, Serialize, ToSchema)]
pub(in crate::routes) struct Logprobs {
    /// Of each token.
    content: Vec<TokenLogprob>,
}

/// How likely a token was, and what else could have stood there.
#[derive(Serialize, ToSchema)]
pub(in crate::routes) struct TokenLogprob {
    #[serde(flatten)]
    chosen: Logprob,
    /// The likeliest, likeliest first.
    top_logprobs: Vec<Logprob>,
}

/// How likely a token was.
#[derive(Serialize, ToSchema)]
pub(in crate::routes) struct Logprob {
    /// Its text; what is no whole character is replaced.
    token: String,
    /// The natural logarithm of its probability.
    logprob: f32,
    /// Its bytes.
    bytes: Vec<u8>,
}

impl Logprobs {
    /// Only the answer's own tokens are told, and only where that was asked for.
    pub(super) fn of(kind: TextKind, likelihoods: &[TokenChoice]) -> Option<Self> {
        let content = likelihoods.iter().map(|token| TokenLogprob {
            chosen: Logprob::from(&token.chosen),
            top_logprobs: token.top.iter().map(Logprob::from).collect(),
        });
        (kind == TextKind::Answer && !likelihoods.is_empty()).then(|| Self { content: content.collect() })
    }
}

impl From<&TokenLikelihood> for Logprob {
    fn from(token: &TokenLikelihood) -> Self {
        Self {
            token: String::from_utf8_lossy(&token.bytes).into_owned(),
            logprob: token.logprob,
            bytes: token.bytes.clone(),
        }
    }
}

/// One event.
#[derive(Serialize)]
pub(super) struct Chunk<'a> {
    #[serde(flatten)]
    pub(super) head: &'a Head,
    pub(super) choices: Vec<ChunkChoice<'a>>,
    /// Null in all events but the last, and left out where it was not asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) usage: Option<Option<Usage>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) timings: Option<TimingsView>,
}

/// News of one answer.
#[derive(Serialize)]
pub(super) struct ChunkChoice<'a> {
    pub(super) index: u32,
    pub(super) delta: Delta<'a>,
    pub(super) logprobs: Option<Logprobs>,
    pub(super) finish_reason: Option<&'static str>,
}

/// What is new.
#[derive(Default, Serialize)]
pub(super) struct Delta<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_content: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_calls: Option<[CallDelta<'a>; 1]>,
}

/// What is new of a call.
#[derive(Serialize)]
struct CallDelta<'a> {
    index: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    function: CalledDelta<'a>,
}

#[derive(Serialize)]
struct CalledDelta<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    arguments: &'a str,
}

impl<'a> Delta<'a> {
    /// Opens an answer.
    pub(super) fn opening() -> Self {
        Self { role: Some("assistant"), content: Some(""), ..Self::default() }
    }

    /// A piece of text; of arguments, those of the call `index`.
    pub(super) fn text(kind: TextKind, text: &'a str, index: u32) -> Self {
        match kind {
            TextKind::Answer => Self { content: Some(text), ..Self::default() },
            TextKind::Reasoning => Self { reasoning_content: Some(text), ..Self::default() },
            TextKind::Arguments => {
                let function = CalledDelta { name: None, arguments: text };
                let call = CallDelta { index, id: None, kind: None, function };
                Self { tool_calls: Some([call]), ..Self::default() }
            }
        }
    }

    /// Opens a call.
    pub(super) fn call(index: u32, id: &'a str, name: &'a str) -> Self {
        let function = CalledDelta { name: Some(name), arguments: "" };
        let call = CallDelta { index, id: Some(id), kind: Some("function"), function };
        Self { tool_calls: Some([call]), ..Self::default() }
    }
}

/// Tokens of a request and its answers.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[schema(as = OpenAiUsage)]
pub(in crate::routes) struct Usage {
    prompt_tokens: u32,
    /// Of all answers together.
    completion_tokens: u32,
    total_tokens: u32,
    prompt_tokens_details: PromptTokens,
    completion_tokens_details: CompletionTokens,
}

/// Where the prompt's tokens came from.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub(in crate::routes) struct PromptTokens {
    /// Read before, and not read again.
    cached_tokens: u32,
}

/// What the answers' tokens were for.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub(in crate::routes) struct CompletionTokens {
    /// For thinking.
    reasoning_tokens: u32,
}

impl From<TokenCounts> for Usage {
    fn from(counts: TokenCounts) -> Self {
        Self {
            prompt_tokens: counts.prompt,
            completion_tokens: counts.completion,
            total_tokens: counts.prompt.saturating_add(counts.completion),
            prompt_tokens_details: PromptTokens { cached_tokens: counts.cached },
            completion_tokens_details: CompletionTokens { reasoning_tokens: counts.reasoning },
        }
    }
}

/// Times in milliseconds and speeds in tokens a second, by the names that clients of llama.cpp's server know.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[schema(as = Timings)]
pub(in crate::routes) struct TimingsView {
    /// Until a slot was given: loading and queue.
    wait_ms: f64,
    /// Tokens of the prompt that had been read before.
    cache_n: u32,
    /// Tokens of the prompt that were read.
    prompt_n: u32,
    /// From the slot to the first token.
    prompt_ms: f64,
    prompt_per_second: f64,
    /// Tokens of the answers.
    predicted_n: u32,
    /// From the first token to the last one.
    predicted_ms: f64,
    predicted_per_second: f64,
    /// Tokens that were guessed ahead; not those of a `prediction` that the client sends.
    draft_n: u32,
    /// How many of those the model then chose.
    draft_n_accepted: u32,
}

impl From<Timings> for TimingsView {
    fn from(timings: Timings) -> Self {
        Self {
            wait_ms: timings.wait_ms,
            cache_n: timings.cache_n,
            prompt_n: timings.prompt_n,
            prompt_ms: timings.prompt_ms,
            prompt_per_second: timings.prompt_per_second,
            predicted_n: timings.predicted_n,
            predicted_ms: timings.predicted_ms,
            predicted_per_second: timings.predicted_per_second,
            draft_n: timings.draft_n,
            draft_n_accepted: timings.draft_n_accepted,
        }
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
