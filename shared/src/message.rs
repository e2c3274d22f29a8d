//! Messages: the nodes of a conversation's tree.

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

use crate::{ApiError, CodeBlock, ConversationId, GenerationId, MessageId};

/// Who a message is from, in the words of chat templates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Author {
    /// Instructions that stand before the conversation.
    System,
    /// A person.
    User,
    /// A model.
    Assistant,
}

/// How far a message is.
///
/// ```text
/// pending → streaming → complete | stopped | failed      (a user's message is complete at once)
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum MessageStatus {
    /// The answer has not begun.
    Pending,
    /// The answer is being written; its text comes over the stream.
    Streaming,
    /// Whole.
    Complete,
    /// Ended by its reader; the text so far is kept.
    Stopped,
    /// Ended by an error; the text so far is kept.
    Failed,
}

impl MessageStatus {
    /// Whether the text can still grow.
    pub fn is_running(self) -> bool {
        matches!(self, Self::Pending | Self::Streaming)
    }
}

/// Why a generation ended well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum FinishReason {
    /// The model ended its answer, or a stop string did.
    Stop,
    /// `max_tokens` or the end of the context was reached.
    Length,
    /// Somebody pressed Stop.
    Stopped,
}

/// Tokens and speeds of one answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Usage {
    /// Tokens of the prompt.
    pub prompt_tokens: u32,
    /// How many of those were in the cache and not read again.
    pub cached_tokens: u32,
    /// Tokens of the answer.
    pub completion_tokens: u32,
    /// The model's context: prompt and answer together cannot be longer.
    pub context_tokens: u32,
    /// From the request to the first token, queue and prompt included.
    pub first_token_ms: u32,
    /// Tokens a second after the first one.
    pub tokens_per_second: f32,
}

/// One message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Message {
    /// The message's id.
    pub id: MessageId,
    /// The conversation it belongs to.
    pub conversation_id: ConversationId,
    /// The message it follows; none for the first. Messages with the same parent are siblings: edits and
    /// regenerations of each other.
    pub parent_id: Option<MessageId>,
    /// Who it is from.
    pub role: Author,
    /// Markdown. While the message is running the text comes over the stream.
    pub content: String,
    /// What the model thought before it answered; empty for models that do not tell.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reasoning: String,
    /// How far it is.
    pub status: MessageStatus,
    /// When it was sent or begun.
    #[serde(with = "time::serde::rfc3339")]
    pub timestamp: OffsetDateTime,
    /// The fenced code of `content`, in order.
    pub code_blocks: Vec<CodeBlock>,
    /// The model that answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The generation that writes or wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation_id: Option<GenerationId>,
    /// Tokens and speeds, once it has ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// Why it ended before its time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finish_reason: Option<FinishReason>,
    /// What went wrong, where it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<ApiError>,
    /// Older messages of the conversation that the model did not read, because they no longer fit its context.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub omitted_message_ids: Vec<MessageId>,
    /// The sibling that this answer goes on with: its text stands at the beginning of this one's, and the two are one
    /// answer to whoever reads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub continues: Option<MessageId>,
}
