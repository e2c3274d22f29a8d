//! What `GET /api/stream` sends.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{ApiError, ConversationId, FinishReason, GenerationId, LoadStage, Message, MessageId, Usage};

/// Which text a chunk belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum ChunkKind {
    /// The answer.
    Text,
    /// What the model thinks before it answers.
    Reasoning,
    /// The arguments of a tool call.
    Tool,
}

/// One event of a stream. On the wire: `event:` is [`StreamEvent::name`], `data:` the JSON
/// `{"<name>": {…}}`, `id:` the [`Cursor`] of a chunk.
///
/// The events of one generation: `(snapshot | queued | loading | prefill)* delta* (done | error)`, with exactly
/// one `done` or `error` as the last.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[allow(
    clippy::large_enum_variant,
    reason = "an event is made, sent and dropped: nothing keeps many of them"
)]
pub enum StreamEvent {
    /// The whole text so far of a generation that has not ended.
    Snapshot {
        /// The run.
        generation_id: GenerationId,
        /// The message it writes.
        message_id: MessageId,
        /// Which owner wrote last.
        epoch: u32,
        /// The last chunk contained; 0 before the first.
        seq: u32,
        /// The answer so far.
        text: String,
        /// The reasoning so far.
        reasoning: String,
        /// The arguments of tool calls so far.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        tool: String,
    },
    /// Waits for a slot.
    Queued {
        /// The run.
        generation_id: GenerationId,
        /// How many are before it, from 1.
        place: u32,
    },
    /// Waits for its model to load.
    Loading {
        /// The run.
        generation_id: GenerationId,
        /// The model's id.
        model: String,
        /// What is being done to load it.
        #[serde(default)]
        stage: LoadStage,
        /// Of this stage, 0 to 1.
        fraction: f32,
    },
    /// The prompt is being read.
    Prefill {
        /// The run.
        generation_id: GenerationId,
        /// Tokens read, those from the cache included.
        done: u32,
        /// Tokens of the prompt.
        total: u32,
    },
    /// A chunk of text. Only in order: `seq` is the last one plus 1 and `byte_offset` the length so far.
    Delta {
        /// The run.
        generation_id: GenerationId,
        /// The message it writes.
        message_id: MessageId,
        /// Which owner wrote it.
        epoch: u32,
        /// Counts chunks, from 1.
        seq: u32,
        /// Bytes of text of this kind before the chunk.
        byte_offset: u32,
        /// Which text it belongs to.
        kind: ChunkKind,
        /// What to append.
        text: String,
    },
    /// The text shown so far must be cut: the engine could not go on from it. It has its own place among the chunks, so
    /// that one that is missed is noticed.
    Truncate {
        /// The run.
        generation_id: GenerationId,
        /// The new owner.
        epoch: u32,
        /// Counts on from the chunks before it.
        seq: u32,
        /// Bytes of the answer that stay.
        text_bytes: u32,
        /// Bytes of the reasoning that stay.
        reasoning_bytes: u32,
        /// Bytes of the arguments of tool calls that stay.
        #[serde(default)]
        tool_bytes: u32,
    },
    /// A message that is new or has changed as a whole.
    Message {
        /// The message as `GET …/messages` would give it.
        message: Message,
    },
    /// The conversation has a new title.
    Title {
        /// Which conversation.
        conversation_id: ConversationId,
        /// Its title.
        title: String,
    },
    /// Tokens and speeds so far.
    Usage {
        /// The run.
        generation_id: GenerationId,
        /// So far.
        usage: Usage,
    },
    /// The answer has ended.
    Done {
        /// The run.
        generation_id: GenerationId,
        /// The message it wrote.
        message_id: MessageId,
        /// Why it ended.
        finish_reason: FinishReason,
        /// Tokens and speeds.
        usage: Usage,
    },
    /// The answer has ended with an error; the text so far is kept. Without a generation: the stream itself.
    Error {
        /// The run.
        generation_id: Option<GenerationId>,
        /// What went wrong, and what to do.
        error: ApiError,
    },
    /// The list of conversations has changed: fetch it again.
    List {},
    /// The models' states have changed: fetch them again.
    Models {},
    /// The server ends this stream on purpose: connect again.
    Reconnect {
        /// Wait this long first.
        after_ms: u32,
    },
}

impl StreamEvent {
    /// The value of `event:`, equal to the one key of the data.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Snapshot { .. } => "snapshot",
            Self::Queued { .. } => "queued",
            Self::Loading { .. } => "loading",
            Self::Prefill { .. } => "prefill",
            Self::Delta { .. } => "delta",
            Self::Truncate { .. } => "truncate",
            Self::Message { .. } => "message",
            Self::Title { .. } => "title",
            Self::Usage { .. } => "usage",
            Self::Done { .. } => "done",
            Self::Error { .. } => "error",
            Self::List {} => "list",
            Self::Models {} => "models",
            Self::Reconnect { .. } => "reconnect",
        }
    }

    /// The run that it is about; none where it is about a message, a list or the stream itself.
    pub fn generation_id(&self) -> Option<GenerationId> {
        match self {
            Self::Snapshot { generation_id, .. }
            | Self::Queued { generation_id, .. }
            | Self::Loading { generation_id, .. }
            | Self::Prefill { generation_id, .. }
            | Self::Delta { generation_id, .. }
            | Self::Truncate { generation_id, .. }
            | Self::Usage { generation_id, .. }
            | Self::Done { generation_id, .. } => Some(*generation_id),
            Self::Error { generation_id, .. } => *generation_id,
            Self::Message { .. }
            | Self::Title { .. }
            | Self::List {}
            | Self::Models {}
            | Self::Reconnect { .. } => None,
        }
    }

    /// The value of `id:`: where a reader that has applied this event stands.
    pub fn cursor(&self) -> Option<Cursor> {
        match *self {
            Self::Snapshot { generation_id, epoch, seq, .. }
            | Self::Delta { generation_id, epoch, seq, .. }
            | Self::Truncate { generation_id, epoch, seq, .. } => Some(Cursor { generation_id, epoch, seq }),
            _ => None,
        }
    }
}

/// Where a reader stands in one generation: `Last-Event-ID` is `<generation>:<epoch>:<seq>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// The run.
    pub generation_id: GenerationId,
    /// Which owner wrote the chunk.
    pub epoch: u32,
    /// The last chunk that was applied.
    pub seq: u32,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.generation_id, self.epoch, self.seq)
    }
}

/// A `Last-Event-ID` that is not one of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected <generation>:<epoch>:<seq>")]
pub struct InvalidCursor;

impl FromStr for Cursor {
    type Err = InvalidCursor;

    fn from_str(text: &str) -> Result<Self, InvalidCursor> {
        let mut parts = text.split(':');
        let (Some(generation_id), Some(epoch), Some(seq), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(InvalidCursor);
        };
        match (generation_id.parse(), epoch.parse(), seq.parse()) {
            (Ok(generation_id), Ok(epoch), Ok(seq)) => Ok(Self { generation_id, epoch, seq }),
            _ => Err(InvalidCursor),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_an_event_is_the_key_of_its_data() {
        for event in [
            StreamEvent::List {},
            StreamEvent::Reconnect { after_ms: 1 },
            StreamEvent::Queued { generation_id: GenerationId::new(), place: 1 },
        ] {
            let json = serde_json::to_value(&event).unwrap();
            assert!(json[event.name()].is_object(), "{json}");
        }
    }

    #[test]
    fn a_cursor_survives_its_text() {
        let cursor = Cursor { generation_id: GenerationId::new(), epoch: 3, seq: 17 };
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
    }

    #[test]
    fn a_foreign_cursor_is_refused() {
        for text in ["", "1", "a:b:c", "0190:1:2", "::", "x:1:2:3"] {
            assert_eq!(text.parse::<Cursor>(), Err(InvalidCursor), "{text}");
        }
    }
}
