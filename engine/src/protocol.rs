//! What parent and worker say to each other: frames of a length (u32, little endian) and a postcard value, commands on
//! the worker's standard input, events on its standard output. End of input ends the worker.

use std::io::{self, Read, Write};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::containment::Containment;
use crate::decoder::{LoadRequest, ModelFacts};
use crate::question::{Question, Told};
use crate::{
    FinishReason, GenerationError, LoadStage, MemoryUse, Priority, Prompt, SamplingParams, TextKind, Token,
    TokenChoice, Usage, Whose,
};

/// Told by a worker before anything else. Raised with every change of the types here, so that a worker of another
/// build is refused with a clear message.
pub const PROTOCOL_VERSION: u32 = 8;

/// Most bytes of one frame. The largest is a conversation on its way to the template; 32 MiB of text is more than any
/// context, and a length above it means that the two sides no longer understand each other.
pub const FRAME_MAX_BYTES: u32 = 32 * 1024 * 1024;

/// Parent to worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Command {
    /// The first one, and the only one of its kind.
    Load(LoadRequest),
    /// A new answer; its updates come in [`Event::Step`] and end in exactly one `Done` or `Failed`.
    Generate(Box<GenerateCommand>),
    /// The answer ends with `Done { reason: Stopped }`, unless it has ended.
    Cancel {
        /// From [`GenerateCommand::id`].
        id: u64,
    },
    /// A question; answered with [`Event::Told`].
    Ask {
        /// Chosen by the parent, never used again.
        id: u64,
        /// What is asked.
        question: Question,
    },
    /// The answer's consumer is behind: it keeps its slot and takes part in no step, until it goes on or is cancelled.
    Pause {
        /// From [`GenerateCommand::id`].
        id: u64,
    },
    /// A paused answer goes on.
    Resume {
        /// From [`GenerateCommand::id`].
        id: u64,
    },
    /// Nothing of what was read for them is kept, neither in memory nor on disk; of what is being answered, once it ends.
    Forget(Whose),
}

/// A new answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GenerateCommand {
    /// Chosen by the parent, never used again.
    pub id: u64,
    /// As in [`crate::GenerateRequest`].
    pub user: u128,
    /// As in [`crate::GenerateRequest`].
    pub conversation: Option<u128>,
    /// As in [`crate::GenerateRequest`].
    pub prompt: Prompt,
    /// As in [`crate::GenerateRequest`].
    pub sampling: SamplingParams,
    /// As in [`crate::GenerateRequest`].
    pub answer_so_far: Vec<Token>,
    /// As in [`crate::GenerateRequest`].
    pub priority: Priority,
}

/// Worker to parent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// The first one.
    Hello {
        /// [`PROTOCOL_VERSION`] of the worker.
        protocol: u32,
    },
    /// How far the worker is contained; before it opens the model.
    Contained(Containment),
    /// The model is being read.
    Loading {
        /// What is being done.
        stage: LoadStage,
        /// Of this stage, 0 to 1.
        fraction: f32,
    },
    /// The model is ready.
    Loaded {
        /// What is known of it now.
        facts: ModelFacts,
        /// What it takes.
        memory: MemoryUse,
    },
    /// The model cannot be loaded; the worker ends.
    LoadFailed {
        /// Why, and what to do.
        message: String,
    },
    /// What one step brought, for all answers together.
    Step(Vec<Update>),
    /// Answers [`Command::Ask`].
    Told {
        /// Of the command.
        id: u64,
        /// The answer, or why there is none.
        result: Result<Told, GenerationError>,
    },
}

/// News of one answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Update {
    /// From [`GenerateCommand::id`].
    pub id: u64,
    /// What happened.
    pub news: News,
}

/// As in [`crate::GenerationEvent`], less what only the parent knows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of GenerationEvent")]
pub enum News {
    /// Waits for a slot.
    Queued { place: u32 },
    /// Got a slot.
    Prompt { tokens: Vec<Token>, cached: u32 },
    /// The prompt is being read.
    Prefill { done: u32, total: u32 },
    /// A piece of the reply.
    Text { kind: TextKind, text: String, tokens: Vec<Token>, choices: Vec<TokenChoice> },
    /// A tool call begins.
    ToolCall { index: u32, id: String, name: String, tokens: Vec<Token> },
    /// Ended well; `first_token_ms` counts from the arrival of the command.
    Done { reason: FinishReason, usage: Usage },
    /// Ended with an error.
    Failed(GenerationError),
}

/// Why a frame could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The pipe.
    #[error("the pipe failed: {0}")]
    Io(#[from] io::Error),
    /// A frame longer than [`FRAME_MAX_BYTES`].
    #[error("a frame of {size_bytes} bytes is over the bound of {FRAME_MAX_BYTES}")]
    TooLarge {
        /// Its length.
        size_bytes: u64,
    },
    /// Bytes that are not a value of the expected type.
    #[error("a frame could not be understood: {0}")]
    Malformed(#[from] postcard::Error),
}

/// One value as a frame, the length included.
pub fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, FrameError> {
    let mut frame = postcard::to_extend(value, vec![0; 4])?;
    let size_bytes = frame.len().saturating_sub(4) as u64;
    let length = frame_length(size_bytes)?;
    if let Some(head) = frame.first_chunk_mut::<4>() {
        *head = length.to_le_bytes();
    }
    Ok(frame)
}

/// The value in a frame's body, all of it.
pub fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T, FrameError> {
    let (value, rest) = postcard::take_from_bytes(body)?;
    if rest.is_empty() { Ok(value) } else { Err(postcard::Error::DeserializeBadEncoding.into()) }
}

/// Checks a frame's head.
pub fn body_length(head: [u8; 4]) -> Result<u32, FrameError> {
    frame_length(u64::from(u32::from_le_bytes(head)))
}

fn frame_length(size_bytes: u64) -> Result<u32, FrameError> {
    match u32::try_from(size_bytes) {
        Ok(length) if length <= FRAME_MAX_BYTES => Ok(length),
        _ => Err(FrameError::TooLarge { size_bytes }),
    }
}

/// Writes one value and flushes. For threads: it blocks.
pub fn write_frame<T: Serialize>(mut to: impl Write, value: &T) -> Result<(), FrameError> {
    to.write_all(&encode(value)?)?;
    Ok(to.flush()?)
}

/// Reads one value; none at the end of input. For threads: it blocks.
pub fn read_frame<T: DeserializeOwned>(mut from: impl Read) -> Result<Option<T>, FrameError> {
    let mut head = [0; 4];
    if let Err(error) = from.read_exact(&mut head) {
        return if error.kind() == io::ErrorKind::UnexpectedEof { Ok(None) } else { Err(error.into()) };
    }
    let mut body = vec![0; body_length(head)? as usize];
    from.read_exact(&mut body)?;
    decode(&body).map(Some)
}

#[cfg(test)]
mod tests;
