//! Conversations with tools for templates that know none: the tools are described in the system message, and calls and
//! results of the history are written as texts.

use engine::json::quoted;
use engine::{Chat, ChatMessage, ChatRole, ToolChoice};

use crate::syntax::Syntax;

/// What of a conversation the template would not write, as text. The rest stays as it is.
pub fn written(chat: &Chat, syntax: &Syntax) -> Chat {
    let mut chat = chat.clone();
    if !syntax.writes_calls {
        chat.messages = without_calls(&chat.messages, syntax);
    }
    if !syntax.describes_tools && !chat.tools.is_empty() {
        if chat.tool_choice != ToolChoice::None {
            describe(&mut chat, syntax);
        }
        chat.tools.clear();
    }
    chat
}

fn describe(chat: &mut Chat, syntax: &Syntax) {
    let tools = chat.tools.iter().map(|tool| {
        let (name, description, parameters) = (tool.name(), tool.description(), tool.parameters());
        let (name, description) = (quoted(name), quoted(description));
        format!(r#"{{"name": {name}, "description": {description}, "parameters": {parameters}}}"#)
    });
    let tools = tools.collect::<Vec<String>>().join("\n");
    let call = &syntax.tools.call;
    let example =
        [&call.open, &call.before, "NAME", &call.between, "{…}", &call.behind, &call.close].concat();
    let text = format!(
        "You can call these tools, given as JSON with the schema of their arguments:\n{tools}\n\nTo call one, write exactly this, with its name and its arguments as JSON:\n{example}"
    );
    match chat.messages.first_mut() {
        Some(first) if first.role == ChatRole::System => {
            first.content = format!("{}\n\n{text}", first.content);
        }
        _ => chat.messages.insert(0, ChatMessage::new(ChatRole::System, text)),
    }
}

fn without_calls(messages: &[ChatMessage], syntax: &Syntax) -> Vec<ChatMessage> {
    let mut plain: Vec<ChatMessage> = Vec::new();
    for message in messages {
        if message.role == ChatRole::Tool {
            let result = format!("<tool_response>\n{}\n</tool_response>", message.content);
            // Many templates want user and assistant to take turns.
            match plain.last_mut() {
                Some(last) if last.role == ChatRole::User => {
                    last.content.push('\n');
                    last.content.push_str(&result);
                }
                _ => plain.push(ChatMessage::new(ChatRole::User, result)),
            }
            continue;
        }
        let mut content = message.content.clone();
        if !message.tool_calls.is_empty() {
            let call = &syntax.tools.call;
            let calls = message.tool_calls.iter().map(|made| {
                [&call.before, made.name.as_str(), &call.between, &made.arguments, &call.behind].concat()
            });
            let calls = calls.collect::<Vec<String>>().join(&call.separator);
            let gap = if content.is_empty() { "" } else { "\n" };
            content = [&content, gap, &call.open, calls.as_str(), &call.close].concat();
        }
        plain.push(ChatMessage { content, tool_calls: Vec::new(), ..message.clone() });
    }
    plain
}
