//! Sending and generating.

use serde::{Deserialize, Serialize};

use crate::{ClientId, ConversationId, GenerationId, MessageId};

/// What to do when a conversation no longer fits the model's context. Nothing is left out unless somebody said so.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum ContextPolicy {
    /// End in `context_length_exceeded`, which says what would have to go.
    #[default]
    Refuse,
    /// Leave out the oldest turns, and say which in `Message::omitted_message_ids`.
    OmitOldest,
}

/// How to sample. What is missing takes the server's default. Unchecked: the server checks every bound.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct GenerationOptions {
    /// 0 (always the likeliest token) to 2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f32>,
    /// Only the likeliest tokens that together reach this probability: over 0, up to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f32>,
    /// Only this many of the likeliest tokens; 0 is all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_k: Option<u32>,
    /// Only tokens at least this likely relative to the likeliest: 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_p: Option<f32>,
    /// Divides the logits of tokens that were used: 1 is off, 0.5 to 2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repeat_penalty: Option<f32>,
    /// Taken once from the logit of each token that was used: -2 to 2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub presence_penalty: Option<f32>,
    /// Taken for each use from the logit of a token: -2 to 2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frequency_penalty: Option<f32>,
    /// The same seed, model and prompt give the same answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u32>,
    /// Most tokens of the answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u32>,
    /// The answer ends before the first of these.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stop: Vec<String>,
    /// What to do when the conversation no longer fits.
    pub context_policy: ContextPolicy,
}

/// `POST /api/chat`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SendMessage {
    /// Made when the message was composed. A repeat with the same body gives the same answer; with another it
    /// is refused with `conflict`.
    pub client_id: ClientId,
    /// The conversation; a new one where this is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation_id: Option<ConversationId>,
    /// The message to follow; the end of the branch that is shown where this is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<MessageId>,
    /// Begins a new branch with this as the first message. Not together with `parent_id`.
    #[serde(default)]
    pub from_start: bool,
    /// Markdown.
    pub content: String,
    /// The model; the conversation's, or the default one, where this is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// How to sample.
    #[serde(default)]
    pub options: GenerationOptions,
}

/// `POST /api/messages/{id}/regenerate`: another answer beside this one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Regenerate {
    /// As in [`SendMessage::client_id`].
    pub client_id: ClientId,
    /// The model; the one that answered before where this is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// How to sample.
    #[serde(default)]
    pub options: GenerationOptions,
}

/// `POST /api/messages/{id}/continue`: goes on with an answer that failed, was stopped or reached its length.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Continue {
    /// As in [`SendMessage::client_id`].
    pub client_id: ClientId,
}

/// 202: the message is kept, and its answer will come over the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SendAccepted {
    /// The conversation, new or given.
    pub conversation_id: ConversationId,
    /// The message of the person.
    pub user_message_id: MessageId,
    /// The answer, still empty.
    pub message_id: MessageId,
    /// The run that writes the answer.
    pub generation_id: GenerationId,
}
