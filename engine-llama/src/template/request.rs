//! A conversation as the shim takes it: JSON in the shape of OpenAI's API.

use engine::json::quoted;
use engine::{ChatMessage, ChatRole, ReasoningEffort, ReasoningMode, Tool, ToolCall};

/// The messages, as an array.
pub fn messages(messages: &[ChatMessage]) -> String {
    array(messages.iter().map(message))
}

/// The tools, as an array.
pub fn tools(tools: &[Tool]) -> String {
    array(tools.iter().map(|tool| {
        let (name, description) = (quoted(tool.name()), quoted(tool.description()));
        let parameters = tool.parameters();
        format!(
            r#"{{"type":"function","function":{{"name":{name},"description":{description},"parameters":{parameters}}}}}"#
        )
    }))
}

/// What templates know of reasoning: their variables, as an object, and whether it is on.
pub fn reasoning(mode: ReasoningMode) -> (String, bool) {
    let effort = |effort| format!(r#"{{"reasoning_effort":"{effort}","thinking":true}}"#);
    match mode {
        ReasoningMode::Default => ("{}".to_owned(), true),
        ReasoningMode::Off => (r#"{"thinking":false}"#.to_owned(), false),
        ReasoningMode::On => (r#"{"thinking":true}"#.to_owned(), true),
        ReasoningMode::Effort(ReasoningEffort::Low) => (effort("low"), true),
        ReasoningMode::Effort(ReasoningEffort::Medium) => (effort("medium"), true),
        ReasoningMode::Effort(ReasoningEffort::High) => (effort("high"), true),
    }
}

fn message(message: &ChatMessage) -> String {
    let mut members = vec![member("role", message.role.as_str()), member("content", &message.content)];
    match message.role {
        ChatRole::Assistant => {
            if !message.reasoning.is_empty() {
                members.push(member("reasoning_content", &message.reasoning));
            }
            if !message.tool_calls.is_empty() {
                members.push(format!(r#""tool_calls":{}"#, array(message.tool_calls.iter().map(call))));
            }
        }
        ChatRole::Tool => {
            members.push(member("tool_call_id", &message.tool_call_id));
            if !message.tool_name.is_empty() {
                members.push(member("name", &message.tool_name));
            }
        }
        ChatRole::System | ChatRole::User => {}
    }
    format!("{{{}}}", members.join(","))
}

fn call(call: &ToolCall) -> String {
    let (name, arguments) = (quoted(&call.name), quoted(&call.arguments));
    let id = quoted(&call.id);
    format!(r#"{{"type":"function","id":{id},"function":{{"name":{name},"arguments":{arguments}}}}}"#)
}

fn member(name: &str, value: &str) -> String {
    format!("\"{name}\":{}", quoted(value))
}

fn array(entries: impl Iterator<Item = String>) -> String {
    format!("[{}]", entries.collect::<Vec<String>>().join(","))
}
