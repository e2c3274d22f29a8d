//! `shim/oriel_chat.h`, field by field.

use std::ffi::c_char;

#[repr(C)]
pub struct Chat {
    _opaque: [u8; 0],
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct Slice {
    pub data: *const c_char,
    pub bytes: usize,
}

impl Slice {
    /// Lives as long as what it points to.
    pub fn of(text: &str) -> Self {
        Self { data: text.as_ptr().cast(), bytes: text.len() }
    }
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

#[repr(C)]
pub struct Request {
    pub messages: Slice,
    pub tools: Slice,
    pub variables: Slice,
    pub thinks: bool,
}

#[repr(C)]
pub struct Rendering {
    pub prompt: Text,
    pub opening: Text,
    pub stops: Text,
    pub markers: Text,
    pub is_plain: bool,
}

impl Rendering {
    pub const EMPTY: Self = Self {
        prompt: Text::EMPTY,
        opening: Text::EMPTY,
        stops: Text::EMPTY,
        markers: Text::EMPTY,
        is_plain: false,
    };
}

#[repr(C)]
pub struct CallSyntax {
    pub open: Slice,
    pub before: Slice,
    pub between: Slice,
    pub after: Slice,
    pub separator: Slice,
    pub close: Slice,
    pub is_parallel: bool,
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
    pub fn oriel_chat_describe(chat: *const Chat, facts: *mut Text, error: *mut Text) -> bool;
    pub fn oriel_chat_render(
        chat: *const Chat,
        request: *const Request,
        rendering: *mut Rendering,
        error: *mut Text,
    ) -> bool;
    pub fn oriel_grammar(
        tools: Slice,
        syntax: *const CallSyntax,
        schema: Slice,
        grammar: *mut Text,
        error: *mut Text,
    ) -> bool;
    pub fn oriel_text_free(text: Text);
}
