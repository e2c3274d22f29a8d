//! What an answer is bound to be.

use serde::{Deserialize, Serialize};

use crate::tools;

/// Most bytes of a grammar: it is compiled for each answer.
const GRAMMAR_MAX_BYTES: usize = 64 * 1024;

/// Groups within groups: llama.cpp reads them by recursion, and enough of them end its process. People write a handful.
const GRAMMAR_DEPTH_MAX: usize = 64;

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
            Self::Grammar(grammar) if depth(grammar) > GRAMMAR_DEPTH_MAX => Err(format!(
                "the groups of a grammar may be nested {GRAMMAR_DEPTH_MAX} deep: make rules of some"
            )),
            Self::Grammar(_) => Ok(()),
        }
    }
}

/// How deep groups are nested. Texts, classes of characters and comments are none.
fn depth(grammar: &str) -> usize {
    let mut inside = Inside::Rule;
    let (mut open, mut deepest) = (0_usize, 0);
    let mut characters = grammar.chars();
    while let Some(character) = characters.next() {
        inside = match (inside, character) {
            (Inside::Rule, '"') => Inside::Text,
            (Inside::Rule, '[') => Inside::Class,
            (Inside::Rule, '#') => Inside::Comment,
            (Inside::Text, '"') | (Inside::Class, ']') | (Inside::Comment, '\n' | '\r') => Inside::Rule,
            (Inside::Text | Inside::Class, '\\') => {
                characters.next();
                inside
            }
            (Inside::Rule, '(') => {
                open += 1;
                deepest = deepest.max(open);
                inside
            }
            (Inside::Rule, ')') => {
                open = open.saturating_sub(1);
                inside
            }
            _ => inside,
        };
    }
    deepest
}

#[derive(Clone, Copy)]
enum Inside {
    Rule,
    Text,
    Class,
    Comment,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(depth: usize) -> Constraint {
        Constraint::Grammar(format!("root ::= {}\"a\"{}", "(".repeat(depth), ")".repeat(depth)))
    }

    #[test]
    fn groups_may_be_nested_so_deep_and_no_deeper() {
        assert_eq!(nested(GRAMMAR_DEPTH_MAX).check(), Ok(()));
        assert!(nested(GRAMMAR_DEPTH_MAX + 1).check().unwrap_err().contains("64 deep"));
        assert!(nested(20_000).check().is_err());
    }

    #[test]
    fn parentheses_that_are_no_groups_do_not_count() {
        assert_eq!(depth(r#"root ::= "(((" [(((\](] ("\"(" | "a") # ((("#), 1);
        assert_eq!(depth("root ::= (\"a\") (\"b\")\n# (\nmore ::= ((\"c\"))"), 2);
    }
}
