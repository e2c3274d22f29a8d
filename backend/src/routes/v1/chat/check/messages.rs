//! The messages of a chat completion.

use engine::{Chat, ChatMessage, ChatRole, ToolCall};

use super::Faults;
use crate::routes::v1::chat::request::{Content, Message, Part, Role};

/// Messages of one request: more than any context has room for, at a few tokens each.
const MESSAGES_MAX: usize = 4096;

/// The conversation that a request sends.
pub(super) fn read(messages: Vec<Message>, faults: &mut Faults) -> Chat {
    if !(1..=MESSAGES_MAX).contains(&messages.len()) {
        let message = format!("must be 1 to {MESSAGES_MAX} messages, and are {}", messages.len());
        faults.note("messages", message);
        return Chat::from(Vec::new());
    }
    let mut read: Vec<ChatMessage> = Vec::with_capacity(messages.len());
    for (index, message) in messages.into_iter().enumerate() {
        let message = one(index, message, &read, faults);
        read.push(message);
    }
    let chat = Chat::from(read);
    if let Err(message) = chat.check() {
        faults.note("messages", message);
    }
    chat
}

fn one(index: usize, message: Message, before: &[ChatMessage], faults: &mut Faults) -> ChatMessage {
    let may_be_empty = message.role == Role::Assistant;
    let content = match message.content {
        Some(Content::Text(text)) => text,
        Some(Content::Parts(parts)) => joined(index, parts, faults),
        None if may_be_empty => String::new(),
        None => {
            faults.note(format!("messages[{index}].content"), "is missing");
            String::new()
        }
    };
    match message.role {
        Role::System | Role::Developer => ChatMessage::new(ChatRole::System, content),
        Role::User => ChatMessage::new(ChatRole::User, content),
        Role::Assistant => ChatMessage {
            reasoning: message.reasoning_content.unwrap_or_default(),
            tool_calls: calls(message.tool_calls.unwrap_or_default()),
            ..ChatMessage::new(ChatRole::Assistant, content)
        },
        Role::Tool => {
            let id = message.tool_call_id.unwrap_or_default();
            let calls = before.iter().rev().flat_map(|message| &message.tool_calls);
            let name = calls.into_iter().find(|call| call.id == id).map(|call| call.name.clone());
            ChatMessage::tool_result(id, name.unwrap_or_default(), content)
        }
    }
}

fn calls(calls: Vec<crate::routes::v1::chat::request::ToolCall>) -> Vec<ToolCall> {
    let read = calls.into_iter().map(|call| ToolCall {
        id: call.id,
        name: call.function.name,
        arguments: call.function.arguments,
    });
    read.collect()
}

/// The texts of the parts, each on lines of its own.
fn joined(index: usize, parts: Vec<Part>, faults: &mut Faults) -> String {
    let mut texts = Vec::new();
    for (place, part) in parts.into_iter().enumerate() {
        match (part.kind.as_str(), part.text) {
            ("text", Some(text)) => texts.push(text),
            ("text", None) => faults.note(format!("messages[{index}].content[{place}].text"), "is missing"),
            (kind, _) => faults.note(
                format!("messages[{index}].content[{place}].type"),
                format!("must be text, and is {kind:?}: these models read nothing else"),
            ),
        }
    }
    texts.join("\n")
}
