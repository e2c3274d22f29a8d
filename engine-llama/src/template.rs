//! The model's chat template, rendered by llama.cpp's own Jinja (`common/chat.h`) through `shim/`.
//!
//! [`crate::prompt`] calls it. It makes text of messages; it knows nothing of tokens.

use std::collections::HashMap;
use std::ffi::CString;
use std::ptr::NonNull;
use std::slice;

use engine::{Chat, Tool};

use crate::syntax::CallSyntax;

use crate::markers::Markers;

mod ffi;
mod nesting;
mod request;

/// A parsed chat template.
#[derive(Debug)]
pub struct ChatTemplate {
    chat: NonNull<ffi::Chat>,
    stops: Vec<String>,
}

/// A prompt as text, and how its answer is written.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Rendered {
    /// Ends where the assistant's answer begins.
    pub prompt: String,
    /// The end of `prompt`: from the opening of the assistant's answer on.
    pub opening: String,
    /// Texts before which the answer has to end.
    pub stops: Vec<String>,
    /// Control tokens whose texts the reply is read by.
    pub markers: Vec<String>,
    /// Whether llama.cpp could make no sense of the template: only the prompt is good.
    pub is_plain: bool,
}

/// What the template, or the C++ code around it, complained of.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TemplateError(String);

impl TemplateError {
    /// llama.cpp tells where in the template it was, and in the last line what happened.
    fn from_trace(trace: &str) -> Self {
        tracing::debug!(trace, "the chat template failed");
        let last = trace.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it gave no reason");
        let raised = last.rsplit_once("Jinja Exception: ").map(|(_, words)| words);
        Self(raised.unwrap_or(last).trim_start_matches("Error: ").to_owned())
    }
}

/// How to write a conversation for a model that has no template of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fallback {
    /// For the log.
    pub name: &'static str,
    /// Goes to [`ChatTemplate::parse`].
    pub source: &'static str,
    /// Texts before which the answer has to end.
    pub stops: &'static [&'static str],
}

impl Fallback {
    /// ChatML where the vocabulary has its control tokens. Otherwise the model was never taught to chat: a plain
    /// transcript is what it can go on with, and it has to be kept from writing the person's part too.
    pub fn for_markers(markers: &Markers) -> Self {
        if markers.has("<|im_start|>") {
            Self { name: "ChatML", source: "chatml", stops: &[] }
        } else {
            let source = include_str!("template/transcript.jinja");
            Self { name: "transcript", source, stops: &["\nUser:", "\nAssistant:"] }
        }
    }
}

// SAFETY: the templates behind the pointer are never written after `oriel_chat_new`, belong to no thread, and
// rendering keeps its state on its own stack; llama.cpp's server renders one template on many threads too.
#[allow(unsafe_code, reason = "the pointer is owned and its target immutable")]
unsafe impl Send for ChatTemplate {}
// SAFETY: as above: rendering only reads.
#[allow(unsafe_code, reason = "the pointer is owned and its target immutable")]
unsafe impl Sync for ChatTemplate {}

impl ChatTemplate {
    /// Parses a template; `bos` and `eos` are the texts of the tokens it may name.
    ///
    /// # Errors
    /// A text that has NUL bytes or is not a template that llama.cpp understands.
    #[allow(unsafe_code, reason = "calls the shim")]
    pub fn parse(source: &str, bos: &str, eos: &str) -> Result<Self, TemplateError> {
        nesting::check(source)?;
        let [source, bos, eos] = [c_text(source)?, c_text(bos)?, c_text(eos)?];
        let mut error = ffi::Text::EMPTY;
        // SAFETY: the three texts end with NUL and outlive the call, and `error` is writable.
        let chat = unsafe { ffi::oriel_chat_new(source.as_ptr(), bos.as_ptr(), eos.as_ptr(), &mut error) };
        let complaint = take(error);
        match NonNull::new(chat) {
            Some(chat) => Ok(Self { chat, stops: Vec::new() }),
            None => Err(TemplateError::from_trace(&complaint)),
        }
    }

    /// The answer ends before these texts too.
    pub fn with_stops(mut self, stops: &[&str]) -> Self {
        self.stops = stops.iter().copied().map(str::to_owned).collect();
        self
    }

    /// What llama.cpp makes out of the way in which the template writes reasoning and tool calls, by name. Takes some
    /// hundred renderings: for when a model is loaded.
    ///
    /// # Errors
    /// It could make no sense of the template.
    #[allow(unsafe_code, reason = "calls the shim")]
    pub fn describe(&self) -> Result<HashMap<String, String>, TemplateError> {
        let [mut facts, mut error] = [ffi::Text::EMPTY; 2];
        // SAFETY: `chat` is alive as long as `self`, and the two texts are writable.
        let done = unsafe { ffi::oriel_chat_describe(self.chat.as_ptr(), &mut facts, &mut error) };
        let (facts, complaint) = (list(facts), take(error));
        if !done {
            return Err(TemplateError::from_trace(&complaint));
        }
        let mut facts = facts.into_iter();
        Ok(std::iter::from_fn(|| facts.next().zip(facts.next())).collect())
    }

    /// Applies the template to a conversation.
    ///
    /// # Errors
    /// What the template raises: many want user and assistant to take turns.
    #[allow(unsafe_code, reason = "calls the shim")]
    pub fn render(&self, chat: &Chat) -> Result<Rendered, TemplateError> {
        let (messages, tools) = (request::messages(&chat.messages), request::tools(&chat.tools));
        let (variables, thinks) = request::reasoning(chat.reasoning);
        let request = ffi::Request {
            messages: ffi::Slice::of(&messages),
            tools: ffi::Slice::of(&tools),
            variables: ffi::Slice::of(&variables),
            thinks,
        };
        let (mut rendering, mut error) = (ffi::Rendering::EMPTY, ffi::Text::EMPTY);
        // SAFETY: `chat` is alive as long as `self`; what `request` points to outlives the call; `rendering` and
        // `error` are writable.
        let done =
            unsafe { ffi::oriel_chat_render(self.chat.as_ptr(), &request, &mut rendering, &mut error) };
        let mut rendered = Rendered {
            prompt: take(rendering.prompt),
            opening: take(rendering.opening),
            stops: list(rendering.stops),
            markers: list(rendering.markers),
            is_plain: rendering.is_plain,
        };
        let complaint = take(error);
        if !done {
            return Err(TemplateError::from_trace(&complaint));
        }
        rendered.stops.extend_from_slice(&self.stops);
        Ok(rendered)
    }
}

/// The grammar, in llama.cpp's GBNF, of calls of `tools` or of JSON that `schema` describes, where those are not empty.
///
/// # Errors
/// What a schema asks for cannot be written as a grammar.
#[allow(unsafe_code, reason = "calls the shim")]
pub fn grammar(
    tools: &[Tool],
    syntax: &CallSyntax,
    is_parallel: bool,
    schema: &str,
) -> Result<String, TemplateError> {
    let tools = request::tools(tools);
    let syntax = ffi::CallSyntax {
        open: ffi::Slice::of(&syntax.open),
        before: ffi::Slice::of(&syntax.before),
        between: ffi::Slice::of(&syntax.between),
        after: ffi::Slice::of(&syntax.after),
        separator: ffi::Slice::of(&syntax.separator),
        close: ffi::Slice::of(&syntax.close),
        is_parallel,
    };
    let [mut grammar, mut error] = [ffi::Text::EMPTY; 2];
    let (tools, schema) = (ffi::Slice::of(&tools), ffi::Slice::of(schema));
    // SAFETY: all slices point to texts that outlive the call, and the two texts are writable.
    let done = unsafe { ffi::oriel_grammar(tools, &syntax, schema, &mut grammar, &mut error) };
    let (grammar, complaint) = (take(grammar), take(error));
    if done { Ok(grammar) } else { Err(TemplateError::from_trace(&complaint)) }
}

impl Drop for ChatTemplate {
    #[allow(unsafe_code, reason = "calls the shim")]
    fn drop(&mut self) {
        // SAFETY: the pointer came from `oriel_chat_new` and is freed only here.
        unsafe { ffi::oriel_chat_free(self.chat.as_ptr()) }
    }
}

fn c_text(text: &str) -> Result<CString, TemplateError> {
    CString::new(text).map_err(|error| TemplateError(format!("the chat template has a NUL byte: {error}")))
}

/// A list of the shim.
fn list(text: ffi::Text) -> Vec<String> {
    take(text).split_terminator('\0').map(str::to_owned).collect()
}

/// Copies a text of the shim and gives the original back to it. A template may cut a character in two: what
/// is not UTF-8 is replaced.
#[allow(unsafe_code, reason = "reads and frees memory of the shim")]
fn take(text: ffi::Text) -> String {
    if text.data.is_null() {
        return String::new();
    }
    // SAFETY: the shim allocated `bytes` bytes at `data` and wrote all of them.
    let bytes = unsafe { slice::from_raw_parts(text.data.cast::<u8>(), text.bytes) };
    let copy = String::from_utf8_lossy(bytes).into_owned();
    // SAFETY: `data` came from the shim and is freed once: `text` is dropped here, and nobody copied it.
    unsafe { ffi::oriel_text_free(text) };
    copy
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::{ChatMessage, ChatRole};

    fn message(role: ChatRole, content: &str) -> ChatMessage {
        ChatMessage::new(role, content)
    }

    #[test]
    fn a_template_makes_one_text_of_a_conversation() {
        let template = ChatTemplate::parse("chatml", "<s>", "</s>").unwrap();
        let messages = [message(ChatRole::System, "Be kind."), message(ChatRole::User, "Grüß\0dich")];
        let rendered = template.render(&messages.to_vec().into()).unwrap();
        assert_eq!(
            rendered.prompt,
            "<|im_start|>system\nBe kind.<|im_end|>\n<|im_start|>user\nGrüß\0dich<|im_end|>\n<|im_start|>assistant\n"
        );
        assert_eq!(rendered.stops, Vec::<String>::new());
    }

    #[test]
    fn a_template_that_raises_is_an_error_with_its_words() {
        let template = ChatTemplate::parse("{{ raise_exception('only poems, please') }}", "", "");
        let error = match template {
            Err(error) => error,
            Ok(template) => template.render(&vec![message(ChatRole::User, "prose")].into()).unwrap_err(),
        };
        assert_eq!(error.to_string(), "only poems, please");
    }

    #[test]
    fn a_text_that_is_no_template_is_an_error() {
        assert!(ChatTemplate::parse("{% for %}", "", "").is_err());
        assert!(ChatTemplate::parse("with a NUL\0byte", "", "").is_err());
    }
}
