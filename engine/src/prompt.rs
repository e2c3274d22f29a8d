//! What a model is asked.

use serde::{Deserialize, Serialize};

/// A token id of a model's vocabulary, as llama.cpp and PostgreSQL's `int[]` hold it.
pub type Token = i32;

/// Who a message is from, in the words of chat templates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ChatRole {
    /// Instructions before the conversation.
    System,
    /// A person.
    User,
    /// The model.
    Assistant,
}

impl ChatRole {
    /// The name that chat templates know.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
        }
    }
}

/// One message of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChatMessage {
    /// Who it is from.
    pub role: ChatRole,
    /// Its text.
    pub content: String,
}

/// What to answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Prompt {
    /// A conversation: the worker applies the model's chat template.
    Chat(Vec<ChatMessage>),
    /// Tokens as [`crate::GenerationEvent::Prompt`] told them before: evaluated as they are, without a template.
    Tokens(Vec<Token>),
}

/// How urgent a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Priority {
    /// Somebody waits for it.
    Chat,
    /// A side job, such as a title: runs only in a slot that no chat wants, and leaves the prefixes of chats alone
    /// while any other slot is free.
    Side,
}

/// How long a prompt is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PromptSize {
    /// Tokens of the prompt.
    pub prompt_tokens: u32,
    /// Tokens that prompt and answer may have together.
    pub context_tokens: u32,
}
