//! Tools that a model may call, and its calls. What a tool does is the caller's business: the engine writes its
//! description into the prompt and reads calls out of the reply.

use serde::{Deserialize, Serialize};

use crate::{InvalidOption, json};

/// Most bytes of a tool's name. The usual bound of APIs.
const NAME_MAX_BYTES: usize = 64;
/// Most bytes of a description: longer than any that a model makes sense of.
const DESCRIPTION_MAX_BYTES: usize = 16 * 1024;
/// Most bytes of a schema: it becomes a part of the prompt and a grammar.
pub(crate) const SCHEMA_MAX_BYTES: usize = 64 * 1024;
/// Deepest nesting of a schema: each level of the thing described takes two or three.
pub(crate) const SCHEMA_DEPTH_MAX: usize = 32;
/// Most bytes of the arguments of a call that comes with the history.
const ARGUMENTS_MAX_BYTES: usize = 1024 * 1024;

/// A tool that the model may call, checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "UncheckedTool")]
pub struct Tool {
    name: String,
    description: String,
    parameters: String,
}

#[derive(Deserialize)]
struct UncheckedTool {
    name: String,
    description: String,
    parameters: String,
}

impl Tool {
    /// `parameters` is a JSON schema of an object, as text; empty for a tool without parameters.
    ///
    /// # Errors
    /// `name`, `description` or `parameters` is out of its bounds.
    pub fn new(name: String, description: String, parameters: String) -> Result<Self, InvalidOption> {
        let invalid = |field, message| Err(InvalidOption { field, message });
        let is_plain = |char: char| char.is_ascii_alphanumeric() || "_-.".contains(char);
        if name.is_empty() || name.len() > NAME_MAX_BYTES || !name.chars().all(is_plain) {
            let message =
                format!("must be 1 to {NAME_MAX_BYTES} letters, digits, _, - or ., and is {name:?}");
            return invalid("name", message);
        }
        if description.len() > DESCRIPTION_MAX_BYTES {
            let message = format!(
                "may have {DESCRIPTION_MAX_BYTES} bytes, and that of {name} has {}",
                description.len()
            );
            return invalid("description", message);
        }
        let parameters = if parameters.trim().is_empty() { EMPTY_SCHEMA.to_owned() } else { parameters };
        match check_schema(&parameters) {
            Ok(()) => Ok(Self { name, description, parameters }),
            Err(message) => invalid("parameters", format!("of {name}: {message}")),
        }
    }

    /// What the model calls it by.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// For the model.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// Says the same in other words: for workers, which have to take control tokens out of them.
    pub fn reword(&mut self, description: String, parameters: String) {
        (self.description, self.parameters) = (description, parameters);
    }

    /// A JSON schema, as text.
    pub fn parameters(&self) -> &str {
        &self.parameters
    }
}

const EMPTY_SCHEMA: &str = r#"{"type":"object","properties":{}}"#;

impl TryFrom<UncheckedTool> for Tool {
    type Error = InvalidOption;

    fn try_from(tool: UncheckedTool) -> Result<Self, InvalidOption> {
        Self::new(tool.name, tool.description, tool.parameters)
    }
}

/// Checks size, depth and form of a JSON schema; the message says what is wrong with "it".
pub(crate) fn check_schema(schema: &str) -> Result<(), String> {
    if schema.len() > SCHEMA_MAX_BYTES {
        return Err(format!("a schema may have {SCHEMA_MAX_BYTES} bytes, and it has {}", schema.len()));
    }
    if !schema.trim_start().starts_with('{') {
        return Err("a schema must be a JSON object".to_owned());
    }
    json::check(schema, SCHEMA_DEPTH_MAX).map_err(|error| error.to_string())
}

/// Which tools the model may or must call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToolChoice {
    /// The model decides.
    #[default]
    Auto,
    /// None, though they are described.
    None,
    /// At least one.
    Required,
    /// This one.
    Named(String),
}

/// A call of a tool, as a model made it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolCall {
    /// Names the call in its result; nine letters and digits where the engine made it, as some templates want.
    pub id: String,
    /// Of the tool.
    pub name: String,
    /// A JSON text, usually of an object.
    pub arguments: String,
}

impl ToolCall {
    /// Whether a template can be given it.
    pub(crate) fn check(&self) -> Result<(), String> {
        let name = &self.name;
        if self.arguments.len() > ARGUMENTS_MAX_BYTES {
            let has = self.arguments.len();
            return Err(format!(
                "the arguments of a call may have {ARGUMENTS_MAX_BYTES} bytes, and those of {name} have {has}"
            ));
        }
        json::check(&self.arguments, json::DEPTH_MAX)
            .map_err(|error| format!("the arguments of the call of {name} must be JSON: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tool(name: &str, parameters: &str) -> Result<Tool, InvalidOption> {
        Tool::new(name.to_owned(), "Adds numbers.".to_owned(), parameters.to_owned())
    }

    #[test]
    fn a_tool_has_a_plain_name_and_a_schema_within_bounds() {
        assert!(tool("add-2.b_C", r#"{"type": "object"}"#).is_ok());
        assert_eq!(tool("add", "").unwrap().parameters(), EMPTY_SCHEMA);
        let field = |tool: Result<Tool, InvalidOption>| tool.unwrap_err().field;
        for name in ["", "a b", "naïve", "a\"b", &"x".repeat(65)] {
            assert_eq!(field(tool(name, "")), "name", "{name:?}");
        }
        let deep = r#"{"a":"#.repeat(40) + "1" + &"}".repeat(40);
        let long = format!(r#"{{"a": "{}"}}"#, "x".repeat(SCHEMA_MAX_BYTES));
        for schema in ["[]", "{", "{}}", "null", deep.as_str(), long.as_str()] {
            assert_eq!(field(tool("add", schema)), "parameters");
        }
    }

    #[test]
    fn a_tool_cannot_be_smuggled_past_the_check() {
        let good = postcard::to_stdvec(&tool("add", "").unwrap()).unwrap();
        assert!(postcard::from_bytes::<Tool>(&good).is_ok());
        let bad = postcard::to_stdvec(&("add", "", "[")).unwrap();
        assert!(postcard::from_bytes::<Tool>(&bad).is_err());
    }

    #[test]
    fn arguments_must_be_json() {
        let call = |arguments: &str| ToolCall {
            id: "a".to_owned(),
            name: "add".to_owned(),
            arguments: arguments.to_owned(),
        };
        assert_eq!(call(r#"{"a": 1}"#).check(), Ok(()));
        let error = call("a = 1").check().unwrap_err();
        assert_eq!(error, "the arguments of the call of add must be JSON: it is not JSON from byte 0 on");
    }
}
