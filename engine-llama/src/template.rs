//! The model's chat template, rendered by llama.cpp's own Jinja (`common/chat.h`) through `shim/`.
//!
//! [`crate::prompt`] calls it. It makes text of messages; it knows nothing of tokens. This is the only room
//! of the worker with unsafe code.

use std::ffi::{CStr, CString};
use std::ptr::NonNull;
use std::slice;

use engine::{ChatMessage, ChatRole};

use crate::markers::Markers;

/// A parsed chat template.
#[derive(Debug)]
pub struct ChatTemplate {
    chat: NonNull<ffi::Chat>,
    stops: Vec<String>,
}

/// A prompt as text.
#[derive(Debug, PartialEq, Eq)]
pub struct Rendered {
    /// Ends where the assistant's answer begins.
    pub prompt: String,
    /// Texts before which the answer has to end.
    pub stops: Vec<String>,
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

    /// Applies the template to a conversation.
    ///
    /// # Errors
    /// What the template raises: many want user and assistant to take turns.
    #[allow(unsafe_code, reason = "calls the shim")]
    pub fn render(&self, messages: &[ChatMessage]) -> Result<Rendered, TemplateError> {
        let borrowed: Vec<ffi::Message> = messages
            .iter()
            .map(|message| ffi::Message {
                role: role_name(message.role).as_ptr(),
                content: message.content.as_ptr().cast(),
                content_bytes: message.content.len(),
            })
            .collect();
        let [mut prompt, mut stops, mut error] = [ffi::Text::EMPTY; 3];
        // SAFETY: `chat` is alive as long as `self`; `borrowed` points into `messages` and to static texts, which
        // outlive the call; the three texts are writable.
        let done = unsafe {
            let (chat, count) = (self.chat.as_ptr(), borrowed.len());
            ffi::oriel_chat_render(chat, borrowed.as_ptr(), count, &mut prompt, &mut stops, &mut error)
        };
        let (prompt, stops, complaint) = (take(prompt), take(stops), take(error));
        if !done {
            return Err(TemplateError::from_trace(&complaint));
        }
        let stops = stops.split_terminator('\0').map(str::to_owned).chain(self.stops.clone()).collect();
        Ok(Rendered { prompt, stops })
    }
}

impl Drop for ChatTemplate {
    #[allow(unsafe_code, reason = "calls the shim")]
    fn drop(&mut self) {
        // SAFETY: the pointer came from `oriel_chat_new` and is freed only here.
        unsafe { ffi::oriel_chat_free(self.chat.as_ptr()) }
    }
}

fn role_name(role: ChatRole) -> &'static CStr {
    match role {
        ChatRole::System => c"system",
        ChatRole::User => c"user",
        ChatRole::Assistant => c"assistant",
        ChatRole::Tool => c"tool",
    }
}

fn c_text(text: &str) -> Result<CString, TemplateError> {
    CString::new(text).map_err(|error| TemplateError(format!("the chat template has a NUL byte: {error}")))
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

/// `shim/oriel_chat.h`, field by field.
mod ffi {
    use std::ffi::c_char;

    #[repr(C)]
    pub struct Chat {
        _opaque: [u8; 0],
    }

    #[repr(C)]
    pub struct Message {
        pub role: *const c_char,
        pub content: *const c_char,
        pub content_bytes: usize,
    }

    #[repr(C)]
    #[derive(Clone, Copy)]
    pub struct Text {
        pub data: *mut c_char,
        pub bytes: usize,
    }

    impl Text {
        pub const EMPTY: Self = Self { data: std::ptr::null_mut(), bytes: 0 };
    }

    #[allow(unsafe_code, reason = "declares the shim")]
    unsafe extern "C" {
        pub fn oriel_chat_new(
            source: *const c_char,
            bos: *const c_char,
            eos: *const c_char,
            error: *mut Text,
        ) -> *mut Chat;
        pub fn oriel_chat_free(chat: *mut Chat);
        pub fn oriel_chat_render(
            chat: *const Chat,
            messages: *const Message,
            count: usize,
            prompt: *mut Text,
            stops: *mut Text,
            error: *mut Text,
        ) -> bool;
        pub fn oriel_text_free(text: Text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(role: ChatRole, content: &str) -> ChatMessage {
        ChatMessage::new(role, content)
    }

    #[test]
    fn a_template_makes_one_text_of_a_conversation() {
        let template = ChatTemplate::parse("chatml", "<s>", "</s>").unwrap();
        let messages = [message(ChatRole::System, "Be kind."), message(ChatRole::User, "Grüß\0dich")];
        let rendered = template.render(&messages).unwrap();
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
            Ok(template) => template.render(&[message(ChatRole::User, "prose")]).unwrap_err(),
        };
        assert_eq!(error.to_string(), "only poems, please");
    }

    #[test]
    fn a_text_that_is_no_template_is_an_error() {
        assert!(ChatTemplate::parse("{% for %}", "", "").is_err());
        assert!(ChatTemplate::parse("with a NUL\0byte", "", "").is_err());
    }
}
