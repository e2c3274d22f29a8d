//! The body of a chat completion as clients send it. Only its form is known here: [`super::check`] makes a request of
//! it.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Error, IntoDeserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use utoipa::ToSchema;

/// `POST /v1/chat/completions`.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub(in crate::routes) struct ChatCompletion {
    /// The model; the default one where this is missing.
    pub model: Option<String>,
    /// The conversation so far.
    #[schema(required)]
    pub messages: Option<Vec<Message>>,
    /// Most tokens of an answer.
    pub max_tokens: Option<u32>,
    /// The newer name of `max_tokens`; counts where both are given.
    pub max_completion_tokens: Option<u32>,
    /// 0 (always the likeliest token) to 2; 0.8 where missing.
    pub temperature: Option<f32>,
    /// Only the likeliest tokens that together reach this probability; 0.95 where missing.
    pub top_p: Option<f32>,
    /// Only this many of the likeliest tokens, 0 is all; 40 where missing.
    pub top_k: Option<u32>,
    /// Only tokens at least this likely relative to the likeliest; 0.05 where missing.
    pub min_p: Option<f32>,
    /// The answer ends before this text, or before the first of these.
    #[schema(value_type = Option<Vec<String>>)]
    pub stop: Option<OneOrMany>,
    /// The same seed, model and messages give the same answer.
    pub seed: Option<i64>,
    /// So many answers.
    pub n: Option<u32>,
    /// Added to the logits of tokens.
    pub logit_bias: Option<BTreeMap<String, f32>>,
    /// Whether to tell how likely each token was.
    pub logprobs: Option<bool>,
    /// So many alternatives for each token.
    pub top_logprobs: Option<u32>,
    /// Taken once from the logit of each token that the answer used.
    pub presence_penalty: Option<f32>,
    /// Taken from the logit of a token for each use in the answer.
    pub frequency_penalty: Option<f32>,
    /// Divides the logits of tokens that the answer used; 1 (off) where missing.
    pub repeat_penalty: Option<f32>,
    /// Only tokens of about the expected surprise that together reach this probability; 1 (off) where missing.
    pub typical_p: Option<f32>,
    /// How much to hold off from going on with a repetition; 0 (off) where missing.
    pub dry_multiplier: Option<f32>,
    /// Grows with each token of the repetition by this factor; 1.75 where missing.
    pub dry_base: Option<f32>,
    /// A repetition up to this many tokens is free; 2 where missing.
    pub dry_allowed_length: Option<u32>,
    /// How far back is looked for repetitions; -1, as far as possible, where missing.
    pub dry_penalty_last_n: Option<i32>,
    /// Texts that end a repetition.
    pub dry_sequence_breakers: Option<Vec<String>>,
    /// How often to leave out the likeliest tokens; 0 (never) where missing.
    pub xtc_probability: Option<f32>,
    /// Which tokens count as such; 0.1 where missing.
    pub xtc_threshold: Option<f32>,
    /// 2: keep the surprise even, instead of all cuts; 0 (off) where missing.
    pub mirostat: Option<u32>,
    /// The surprise to keep; 5 where missing.
    pub mirostat_tau: Option<f32>,
    /// How fast that is learned; 0.1 where missing.
    pub mirostat_eta: Option<f32>,
    /// What the answer is bound to be, in llama.cpp's GBNF.
    pub grammar: Option<String>,
    /// What the model may call.
    pub tools: Option<Vec<Tool>>,
    /// Which of them it may or must call.
    #[schema(value_type = Option<Value>)]
    pub tool_choice: Option<ToolChoice>,
    /// Whether it may call several at once.
    pub parallel_tool_calls: Option<bool>,
    /// What the answer is bound to be.
    pub response_format: Option<ResponseFormat>,
    /// How long to think first.
    pub reasoning_effort: Option<ReasoningEffort>,
    /// Whether the answer comes as server-sent events.
    pub stream: Option<bool>,
    /// What comes with the events.
    pub stream_options: Option<StreamOptions>,
    /// For compatibility: turns are fair between accounts.
    #[expect(dead_code, reason = "its form is checked, and nothing follows from it")]
    pub user: Option<String>,
}

/// One message.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[schema(as = OpenAiMessage)]
pub(in crate::routes) struct Message {
    /// Who it is from.
    pub role: Role,
    /// Its text, or parts with texts.
    #[schema(value_type = Option<String>)]
    pub content: Option<Content>,
    /// Of the model: what it thought first.
    pub reasoning_content: Option<String>,
    /// Of the model: the tools that it called.
    pub tool_calls: Option<Vec<ToolCall>>,
    /// Of a tool: the call that it answers.
    pub tool_call_id: Option<String>,
}

/// Who a message is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = OpenAiRole)]
pub(in crate::routes) enum Role {
    /// Instructions.
    System,
    /// The newer name of `system`.
    Developer,
    /// A person.
    User,
    /// The model.
    Assistant,
    /// The result of a call.
    Tool,
}

/// A part of a message.
#[derive(Clone, Debug, Deserialize)]
pub(in crate::routes) struct Part {
    /// `text`; nothing else is understood.
    #[serde(rename = "type")]
    pub kind: String,
    /// The text.
    pub text: Option<String>,
}

/// A call of a tool.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub(in crate::routes) struct ToolCall {
    /// Names the call in its result.
    pub id: String,
    /// The call.
    pub function: FunctionCall,
}

/// A call of a function.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub(in crate::routes) struct FunctionCall {
    /// Of the tool.
    pub name: String,
    /// JSON, as text.
    pub arguments: String,
}

/// A tool.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub(in crate::routes) struct Tool {
    /// `function`.
    #[serde(rename = "type")]
    pub kind: ToolKind,
    /// The function.
    pub function: Function,
}

/// What kind of tool it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::routes) enum ToolKind {
    /// A function of the caller.
    Function,
}

/// A function of the caller.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub(in crate::routes) struct Function {
    /// What the model calls it by.
    pub name: String,
    /// For the model.
    pub description: Option<String>,
    /// A JSON schema.
    #[schema(value_type = Option<Object>)]
    pub parameters: Option<serde_json::Map<String, Value>>,
}

/// Which tools the model may or must call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::routes) enum ToolChoice {
    /// `none`, `auto` or `required`.
    Mode(ToolMode),
    /// This one.
    Named(NamedTool),
}

/// Whether the model calls tools.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::routes) enum ToolMode {
    /// It does not.
    None,
    /// It decides.
    Auto,
    /// It must.
    Required,
}

/// A tool that must be called.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(in crate::routes) struct NamedTool {
    /// The function.
    pub function: ToolName,
}

/// The name of a function.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(in crate::routes) struct ToolName {
    /// The name.
    pub name: String,
}

/// What the answer is bound to be.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(in crate::routes) enum ResponseFormat {
    /// Anything.
    Text,
    /// A JSON object.
    JsonObject,
    /// JSON that a schema describes.
    JsonSchema {
        /// The schema.
        json_schema: JsonSchema,
    },
}

/// A schema with its name.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub(in crate::routes) struct JsonSchema {
    /// The schema itself.
    #[schema(value_type = Option<Object>)]
    pub schema: Option<serde_json::Map<String, Value>>,
}

/// How long to think.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::routes) enum ReasoningEffort {
    None,
    Minimal,
    Low,
    Medium,
    High,
}

/// What comes with the events.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
pub(in crate::routes) struct StreamOptions {
    /// The tokens, in a last event.
    pub include_usage: Option<bool>,
}

/// One text or a list of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::routes) struct OneOrMany(pub Vec<String>);

/// A text or its parts.
#[derive(Clone, Debug)]
pub(in crate::routes) enum Content {
    /// The whole text.
    Text(String),
    /// Its parts.
    Parts(Vec<Part>),
}

// The three below are read by hand: unlike serde's untagged enums that keeps the path of a fault, which becomes `param`.

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Texts;
        impl<'de> Visitor<'de> for Texts {
            type Value = OneOrMany;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or a list of strings")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<OneOrMany, E> {
                Ok(OneOrMany(vec![text.to_owned()]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<OneOrMany, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(list)).map(OneOrMany)
            }
        }
        deserializer.deserialize_any(Texts)
    }
}

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextOrParts;
        impl<'de> Visitor<'de> for TextOrParts {
            type Value = Content;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or a list of parts")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Content, E> {
                Ok(Content::Text(text.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Content, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(list)).map(Content::Parts)
            }
        }
        deserializer.deserialize_any(TextOrParts)
    }
}

impl<'de> Deserialize<'de> for ToolChoice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ModeOrName;
        impl<'de> Visitor<'de> for ModeOrName {
            type Value = ToolChoice;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("none, auto, required or an object with a function")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<ToolChoice, E> {
                ToolMode::deserialize(text.into_deserializer()).map(ToolChoice::Mode)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<ToolChoice, A::Error> {
                NamedTool::deserialize(MapAccessDeserializer::new(map)).map(ToolChoice::Named)
            }
        }
        deserializer.deserialize_any(ModeOrName)
    }
}
