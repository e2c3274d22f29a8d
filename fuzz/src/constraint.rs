//! A schema, a grammar or a tool's parameters, as a program may send them with its request.

use engine::{Constraint, SamplingOptions, Tool, json};

/// Reads it as each of them, and what is within as the text of JSON.
pub fn constraint(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let _ = (json::unescaped(text), json::string_content(text));
    assert!(json::check(&json::quoted(text), json::DEPTH_MAX).is_ok(), "a quoted text is no JSON");
    let accepts = |constraint| {
        SamplingOptions { constraint: Some(constraint), ..SamplingOptions::default() }.check().is_ok()
    };
    let is_tool = Tool::new("tool".to_owned(), String::new(), text.to_owned()).is_ok();
    let is_schema = accepts(Constraint::JsonSchema(text.to_owned()));
    accepts(Constraint::Grammar(text.to_owned())) || is_tool || is_schema
}
