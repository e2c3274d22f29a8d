//! How a model writes reasoning and tool calls into its reply: told by whoever knows its chat template, read by
//! [`crate::worker`] as the reply grows.

use crate::Token;

/// How a reply is written. By default it is all answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReplyFormat {
    /// Where the model thinks before it answers; none where it does not.
    pub reasoning: Option<ReasoningFormat>,
    /// How it calls tools; none where there are none to call.
    pub tools: Option<ToolFormat>,
    /// Control tokens that the tags here are made of, with their texts: in an answer they have none.
    pub markers: Vec<(Token, String)>,
}

/// The tags around reasoning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReasoningFormat {
    /// Begins it, as the first thing in the reply. Without white space around it.
    pub start: String,
    /// Ends it. Likewise.
    pub end: String,
    /// Whether the prompt ends within it.
    pub is_open: bool,
}

/// How tools are called. All tags are without white space around them, and empty where the model writes none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ToolFormat {
    /// Before the first call.
    pub section_start: String,
    /// Behind the last.
    pub section_end: String,
    /// Before each call.
    pub call_start: String,
    /// Behind each.
    pub call_end: String,
    /// The call itself.
    pub call: CallFormat,
}

/// How one call is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallFormat {
    /// A JSON object with name and arguments as members. Where there are no tags at all, it is a call only if it is the
    /// first thing in the answer.
    Json {
        /// The member that is the name.
        name_key: String,
        /// The member that is the arguments.
        arguments_key: String,
        /// The member that is the call's id; empty where there is none.
        id_key: String,
    },
    /// A name, then the arguments as JSON.
    Named {
        /// What stands before the name; may be missing.
        before_name: String,
        /// The first of these ends the name; what else stands before the arguments is nothing.
        name_ends: Vec<String>,
    },
}

impl Default for CallFormat {
    fn default() -> Self {
        Self::Json {
            name_key: "name".to_owned(),
            arguments_key: "arguments".to_owned(),
            id_key: String::new(),
        }
    }
}

impl ToolFormat {
    /// The tag that begins calls; empty where there is none.
    pub fn trigger(&self) -> &str {
        if self.section_start.is_empty() { &self.call_start } else { &self.section_start }
    }
}
