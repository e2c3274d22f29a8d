//! The chat template and tokeniser of scripted models: a marker before each message, and a token for each byte.

use std::thread;
use std::time::Duration;

use super::model::ScriptedModel;
use super::script::{self, Script};
use crate::decoder::{PreparedPrompt, PromptError, PromptReader, ReasoningFormat, ReplyFormat, ToolFormat};
use crate::{Chat, ChatRole, Constraint, Embeddings, Pooling, Token};

/// See [`super`].
#[derive(Clone, Debug, Default)]
pub struct ScriptedReader {
    /// Behind each message of the user.
    words: String,
}

impl ScriptedReader {
    /// Of a model.
    pub(super) fn of(model: &ScriptedModel) -> Self {
        Self { words: model.words.clone() }
    }
}

impl PromptReader for ScriptedReader {
    fn read(
        &self,
        chat: &Chat,
        _constraint: Option<&Constraint>,
        _answer: &[Token],
    ) -> Result<PreparedPrompt, PromptError> {
        let last = chat.messages.iter().rfind(|message| message.role == ChatRole::User);
        let script = last.map(|message| Script::parse(&message.content)).unwrap_or_default();
        thread::sleep(Duration::from_millis(script.template_ms));
        if script.refuses {
            return Err(PromptError::Template("the template refuses this conversation".to_owned()));
        }
        let mut tokens = Vec::new();
        let mut shared_tokens = 0;
        for (index, message) in chat.messages.iter().enumerate() {
            tokens.push(match message.role {
                ChatRole::System => script::SYSTEM,
                ChatRole::User => script::USER,
                ChatRole::Assistant => script::ASSISTANT,
                ChatRole::Tool => script::TOOL,
            });
            tokens.extend(message.content.bytes().map(Token::from));
            if message.role == ChatRole::User && !self.words.is_empty() {
                tokens.push(Token::from(b' '));
                tokens.extend(self.words.bytes().map(Token::from));
            }
            if chat.messages.iter().take(index + 1).all(|message| message.role == ChatRole::System) {
                shared_tokens = tokens.len() as u32;
            }
        }
        tokens.push(script::ASSISTANT);
        let format = format(&script, chat.may_call_tools());
        Ok(PreparedPrompt { tokens, shared_tokens, format, ..PreparedPrompt::default() })
    }

    fn read_again(
        &self,
        tokens: Vec<Token>,
        _constraint: Option<&Constraint>,
        _answer: &[Token],
    ) -> Result<PreparedPrompt, PromptError> {
        let format = format(&Script::of_prompt(&tokens), false);
        Ok(PreparedPrompt { tokens, format, ..PreparedPrompt::default() })
    }

    fn tokenize(&self, text: &str) -> Vec<Token> {
        text.bytes().map(Token::from).collect()
    }

    fn detokenize(&self, tokens: &[Token]) -> String {
        let bytes: Vec<u8> = tokens.iter().flat_map(|token| script::token_bytes(*token)).copied().collect();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Three numbers for each text: how many bytes it has, the first and the last of them.
    fn embed(&self, texts: &[String], _pooling: Option<Pooling>) -> Result<Embeddings, PromptError> {
        let vector = |text: &String| {
            let byte = |byte: Option<u8>| f32::from(byte.unwrap_or_default());
            vec![text.len() as f32, byte(text.bytes().next()), byte(text.bytes().next_back())]
        };
        let tokens = texts.iter().map(|text| text.len() as u32).sum();
        Ok(Embeddings { vectors: texts.iter().map(vector).collect(), tokens })
    }
}

fn format(script: &Script, may_call_tools: bool) -> ReplyFormat {
    let reasoning = script.think_tokens.map(|_| ReasoningFormat {
        start: "<think>".to_owned(),
        end: "</think>".to_owned(),
        is_open: false,
    });
    let tools = may_call_tools.then(|| ToolFormat {
        call_start: "<tool_call>".to_owned(),
        call_end: "</tool_call>".to_owned(),
        ..ToolFormat::default()
    });
    let markers = [(script::THINK, "<think>"), (script::ANSWER, "</think>")];
    ReplyFormat { reasoning, tools, markers: markers.map(|(token, text)| (token, text.to_owned())).to_vec() }
}
