//! The tools of a chat completion.

use engine::{Chat, Tool, ToolChoice};
use serde_json::Value;

use super::Faults;
use crate::routes::v1::chat::request::{self, ToolMode};

/// The conversation with the tools that the model may use in it.
pub(super) fn add(
    chat: Chat,
    tools: Option<Vec<request::Tool>>,
    choice: Option<request::ToolChoice>,
    parallel: Option<bool>,
    faults: &mut Faults,
) -> Chat {
    let tools = read(tools.unwrap_or_default(), faults);
    let tool_choice = match choice {
        None | Some(request::ToolChoice::Mode(ToolMode::Auto)) => ToolChoice::Auto,
        Some(request::ToolChoice::Mode(ToolMode::None)) => ToolChoice::None,
        Some(request::ToolChoice::Mode(ToolMode::Required)) => ToolChoice::Required,
        Some(request::ToolChoice::Named(tool)) => ToolChoice::Named(tool.function.name),
    };
    let chat = Chat { tools, tool_choice, parallel_tool_calls: parallel != Some(false), ..chat };
    // What is wrong with the messages alone is noted already, and their tools cannot be looked at without them.
    if faults.0.is_empty()
        && let Err(message) = chat.check()
    {
        let is_auto = matches!(chat.tool_choice, ToolChoice::Auto | ToolChoice::None);
        faults.note(if is_auto { "tools" } else { "tool_choice" }, message);
    }
    chat
}

fn read(tools: Vec<request::Tool>, faults: &mut Faults) -> Vec<Tool> {
    let mut read = Vec::new();
    for (index, request::Tool { kind: request::ToolKind::Function, function }) in
        tools.into_iter().enumerate()
    {
        let parameters = function.parameters.map(|schema| Value::Object(schema).to_string());
        match Tool::new(
            function.name,
            function.description.unwrap_or_default(),
            parameters.unwrap_or_default(),
        ) {
            Ok(tool) => read.push(tool),
            Err(invalid) => {
                faults.note(format!("tools[{index}].function.{}", invalid.field), invalid.message);
            }
        }
    }
    read
}
