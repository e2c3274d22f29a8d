//! What an answer is bound to be.

use serde::{Deserialize, Serialize};

use crate::tools;

/// Most bytes of a grammar: it is compiled for each answer.
const GRAMMAR_MAX_BYTES: usize = 64 * 1024;

/// What an answer is bound to be. Reasoning before it is free.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Constraint {
    /// Any JSON object.
    JsonObject,
    /// JSON that this schema describes, as text.
    JsonSchema(String),
    /// What this grammar describes, in llama.cpp's GBNF; its first rule is `root`.
    Grammar(String),
}

impl Constraint {
    /// Checks size, depth and form; whether it can be compiled is known only by the worker.
    pub(crate) fn check(&self) -> Result<(), String> {
        match self {
            Self::JsonObject => Ok(()),
            Self::JsonSchema(schema) => tools::check_schema(schema),
            Self::Grammar(grammar) if grammar.len() > GRAMMAR_MAX_BYTES => {
                Err(format!("a grammar may have {GRAMMAR_MAX_BYTES} bytes, and it has {}", grammar.len()))
            }
            Self::Grammar(grammar) if grammar.trim().is_empty() || grammar.contains('\0') => {
                Err("a grammar must be a text with a rule called root".to_owned())
            }
            Self::Grammar(_) => Ok(()),
        }
    }
}
