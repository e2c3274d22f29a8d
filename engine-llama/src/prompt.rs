//! Makes the tokens of a prompt from a conversation: template, then tokeniser.
//!
//! The worker runs it on threads of its own. Control tokens come from the template alone: what a person types
//! stays text (see [`crate::markers`]).

use std::sync::Arc;

use engine::decoder::{PreparedPrompt, PromptError, PromptReader};
use engine::{Chat, ChatRole, Constraint, Token};

use crate::markers::{Guarded, Piece};
use crate::template::ChatTemplate;
use crate::vocabulary::Vocabulary;

/// The chat template and the tokeniser of one model.
#[derive(Debug)]
pub struct LlamaReader {
    vocabulary: Arc<Vocabulary>,
    template: ChatTemplate,
}

impl LlamaReader {
    /// A reader over the two.
    pub fn new(vocabulary: Arc<Vocabulary>, template: ChatTemplate) -> Self {
        Self { vocabulary, template }
    }

    /// What llama.cpp's own tokeniser gives for the text, but that control tokens are looked for only where the
    /// messages wrote none. It treats the text between two control tokens alone too, so nothing else changes.
    fn tokenise(&self, text: &str, guarded: &Guarded<'_>) -> Vec<Token> {
        let mut tokens = Vec::new();
        for piece in self.vocabulary.markers().split(text, guarded) {
            match piece {
                Piece::Marker(token) => tokens.push(token),
                Piece::Text(text) => self.vocabulary.tokenise_into(&text, &mut tokens),
            }
        }
        if let Some(bos) = self.vocabulary.bos()
            && tokens.first() != Some(&bos)
        {
            tokens.insert(0, bos);
        }
        tokens
    }
}

impl PromptReader for LlamaReader {
    fn read(&self, chat: &Chat, constraint: Option<&Constraint>) -> Result<PreparedPrompt, PromptError> {
        if !chat.tools.is_empty() || chat.messages.iter().any(|message| message.role == ChatRole::Tool) {
            return Err(PromptError::Unsupported("tools are not supported yet".to_owned()));
        }
        if constraint.is_some() {
            return Err(PromptError::Unsupported(
                "constraints of the answer are not supported yet".to_owned(),
            ));
        }
        let markers = self.vocabulary.markers();
        let guarded =
            markers.guard(&chat.messages).map_err(|error| PromptError::Template(error.to_string()))?;
        let rendered = self
            .template
            .render(&Chat { messages: guarded.messages.to_vec(), ..chat.clone() })
            .map_err(|error| {
                PromptError::Template(format!("the model's chat template refused the conversation: {error}"))
            })?;
        let tokens = self.tokenise(&rendered.prompt, &guarded);
        Ok(PreparedPrompt { tokens, stop: rendered.stops })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::load;
    use crate::log::Complaints;
    use crate::models;
    use engine::ChatMessage;
    use engine::decoder::{Decoder as _, LoadRequest};
    use llama_cpp_2::token::LlamaToken;

    #[test]
    fn tokens_are_those_of_llama_cpps_own_tokeniser() {
        llama_cpp_2::send_logs_to_tracing(llama_cpp_2::LogOptions::default().with_logs_enabled(false));
        let contents = [
            "Hello, world!",
            "  leading and trailing  ",
            "fn main() {\n\tprintln!(\"{}\", 1 <= 2);\n}\n\n\n",
            "Grüße aus Köln, 你好, \u{1f44d}\u{1f3fd} e\u{301}",
            "a < b | c > d <|not a marker|> </s",
            "",
            &"Line\n\n\t<b>by</b>   line, \r\n grüßt\n".repeat(800),
            &"\n".repeat(10_000),
        ];
        for path in [models::chat_model(), models::base_model()] {
            let request = LoadRequest { path, slots: 1, context_tokens: Some(256), threads: Some(1) };
            let loaded = load(&request, &mut |_| true, &Complaints::default()).unwrap();
            assert!(loaded.decoder.facts().vocabulary_tokens > 40_000);
            for content in contents {
                let messages =
                    [(ChatRole::User, content), (ChatRole::Assistant, "Yes."), (ChatRole::User, "Why?")]
                        .map(|(role, content)| ChatMessage::new(role, content));
                let reader = &loaded.reader;
                let text = reader.template.render(&messages.to_vec().into()).unwrap().prompt;
                let vocabulary = &reader.vocabulary;
                let own = vocabulary.model().vocab().tokenize(text.as_bytes(), false, true);
                let own: Vec<Token> = own.into_iter().map(|LlamaToken(token)| token).collect();
                assert_eq!(reader.read(&messages.to_vec().into(), None).unwrap().tokens, own, "{text:?}");
            }
        }
    }
}
