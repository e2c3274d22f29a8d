//! The events of a streamed chat completion, as clients read them.

use engine::TextKind;
use serde::Serialize;

use super::logprobs::Logprobs;
use super::response::Head;
use super::usage::{TimingsView, Usage};

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
