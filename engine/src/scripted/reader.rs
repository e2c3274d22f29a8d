//! The chat template and tokeniser of scripted models: a marker before each message, and a token for each byte.

use std::thread;
use std::time::Duration;

use super::script::{self, Script};
use crate::decoder::{PreparedPrompt, PromptError, PromptReader};
use crate::{Chat, ChatRole, Constraint, Token};

/// See [`super`].
#[derive(Clone, Copy, Debug)]
pub struct ScriptedReader;

impl PromptReader for ScriptedReader {
    fn read(&self, chat: &Chat, _constraint: Option<&Constraint>) -> Result<PreparedPrompt, PromptError> {
        let last = chat.messages.iter().rfind(|message| message.role == ChatRole::User);
        let script = last.map(|message| Script::parse(&message.content)).unwrap_or_default();
        thread::sleep(Duration::from_millis(script.template_ms));
        if script.refuses {
            return Err(PromptError::Template("the template refuses this conversation".to_owned()));
        }
        let mut tokens = Vec::new();
        for message in &chat.messages {
            tokens.push(match message.role {
                ChatRole::System => script::SYSTEM,
                ChatRole::User => script::USER,
                ChatRole::Assistant => script::ASSISTANT,
                ChatRole::Tool => script::TOOL,
            });
            tokens.extend(message.content.bytes().map(Token::from));
        }
        tokens.push(script::ASSISTANT);
        Ok(PreparedPrompt { tokens, stop: Vec::new() })
    }
}
