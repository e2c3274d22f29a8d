//! Makes the tokens of a prompt from a conversation: template, then tokeniser; and tells how its answer will be
//! written, and to what it is bound.
//!
//! The worker runs it on threads of its own. Control tokens come from the template alone: what a person types, a tool
//! answers or a model writes into arguments stays text (see [`crate::markers`]).

use std::sync::{Arc, Mutex, PoisonError};

use engine::decoder::{PreparedPrompt, PromptError, PromptReader, ReasoningFormat, ReplyFormat, TokenFilter};
use engine::{Chat, Constraint, Embeddings, Pooling, Token, ToolChoice};

use crate::binding::{Begin, Binding, Wanted};
use crate::embedder::Embedder;
use crate::markers::{Guarded, Piece};
use crate::opening::Openings;
use crate::plain;
use crate::syntax::Syntax;
use crate::template::{self, ChatTemplate, Rendered};
use crate::vocabulary::Vocabulary;
use crate::watch::Watch;

/// The chat template and the tokeniser of one model.
#[derive(Debug)]
pub struct LlamaReader {
    vocabulary: Arc<Vocabulary>,
    template: ChatTemplate,
    syntax: Syntax,
    openings: Openings,
    /// None until somebody asks for vectors.
    embedder: Mutex<Option<Embedder>>,
    watch: Watch,
}

impl LlamaReader {
    /// A reader over the two.
    pub fn new(vocabulary: Arc<Vocabulary>, template: ChatTemplate, syntax: Syntax) -> Self {
        Self {
            vocabulary,
            template,
            syntax,
            openings: Openings::default(),
            embedder: Mutex::new(None),
            watch: Watch::default(),
        }
    }

    /// What llama.cpp's own tokeniser gives for the text, but that control tokens are looked for only where the
    /// messages wrote none. It treats the text between two control tokens alone too, so nothing else changes.
    fn tokenise(&self, text: &str, guarded: &Guarded) -> Vec<Token> {
        let mut tokens = Vec::new();
        for piece in self.vocabulary.markers().split(text, guarded.guard) {
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

    /// The text of a prompt, its control tokens still guarded against.
    fn render(&self, chat: &Chat) -> Result<(Rendered, Guarded), PromptError> {
        let guarded = self.vocabulary.markers().guard(chat);
        let guarded = guarded.map_err(|error| PromptError::Template(error.to_string()))?;
        let rendered = self.template.render(&plain::written(&guarded.chat, &self.syntax));
        let rendered = rendered.map_err(|error| {
            PromptError::Template(format!("the model's chat template refused the conversation: {error}"))
        })?;
        Ok((rendered, guarded))
    }

    fn format(&self, rendered: &Rendered, chat: &Chat) -> ReplyFormat {
        let reasoning = self.syntax.reasoning.as_ref().map(|tags| ReasoningFormat {
            start: tags.start.clone(),
            end: tags.end.clone(),
            is_open: is_open(&rendered.opening, &tags.start, &tags.end),
        });
        let tools = chat.may_call_tools().then(|| self.syntax.tools.format.clone());
        let mut tags: Vec<&str> = Vec::new();
        tags.extend(reasoning.iter().flat_map(|tags| [tags.start.as_str(), &tags.end]));
        if chat.may_call_tools() {
            let call = &self.syntax.tools.call;
            tags.extend(
                [&call.open, &call.before, &call.between, &call.after, &call.close].map(String::as_str),
            );
            tags.extend(rendered.markers.iter().map(String::as_str));
        }
        let mut markers: Vec<(Token, String)> =
            tags.into_iter().flat_map(|tag| self.vocabulary.markers().within(tag)).collect();
        markers.sort_unstable();
        markers.dedup();
        // A tag that ends the answer is never read.
        markers.retain(|(token, _)| !self.vocabulary.ends_answer(*token));
        ReplyFormat { reasoning, tools, markers }
    }

    fn filter(
        &self,
        chat: &Chat,
        constraint: Option<&Constraint>,
        format: &ReplyFormat,
        answer: &[Token],
    ) -> Result<Option<Box<dyn TokenFilter>>, PromptError> {
        let refused = |message: String| PromptError::Constraint(message);
        let wanted = constraint.map(Wanted::from);
        let tools = &self.syntax.tools;
        let must_call = matches!(chat.tool_choice, ToolChoice::Required | ToolChoice::Named(_));
        let callable = match &chat.tool_choice {
            _ if !chat.may_call_tools() => Vec::new(),
            ToolChoice::Named(name) => {
                chat.tools.iter().filter(|tool| tool.name() == name).cloned().collect()
            }
            _ => chat.tools.clone(),
        };
        let parallel = chat.parallel_tool_calls && !matches!(chat.tool_choice, ToolChoice::Named(_));
        let written = |tools: &[engine::Tool], schema: &str| {
            template::grammar(tools, &self.syntax.tools.call, parallel, schema)
                .map_err(|error| refused(format!("the schema cannot be kept to: {error}")))
        };
        let (grammar, begin) = match wanted {
            Some(Wanted::Grammar(_)) if !callable.is_empty() => {
                return Err(refused(
                    "an answer can be bound by a grammar or call tools, not both".to_owned(),
                ));
            }
            Some(Wanted::Grammar(grammar)) => (grammar.to_owned(), Begin::Answer),
            Some(Wanted::Schema(_)) if must_call => (written(&callable, "")?, Begin::Answer),
            Some(Wanted::Schema(schema)) => (written(&callable, schema)?, Begin::Answer),
            None if callable.is_empty() => return Ok(None),
            None if must_call => (written(&callable, "")?, Begin::Answer),
            // Without a tag to begin with, an answer may begin as it likes.
            None if tools.format.trigger().is_empty() => return Ok(None),
            None => (written(&callable, "")?, Begin::Text(tools.format.trigger().to_owned())),
        };
        let is_open = format.reasoning.as_ref().is_some_and(|reasoning| reasoning.is_open);
        let reasoning = (self.syntax.reasoning.clone(), is_open);
        let (vocabulary, answer) = (Arc::clone(&self.vocabulary), answer.to_vec());
        let make = move || Binding::new(&grammar, vocabulary, reasoning, begin, &answer);
        let watched = self.watch.over(make);
        Ok(Some(Box::new(watched.map_err(|error| refused(error.message))?)))
    }
}

/// Whether the prompt ends within reasoning.
fn is_open(opening: &str, start: &str, end: &str) -> bool {
    if start.is_empty() {
        return !opening.contains(end);
    }
    opening.rfind(start) > opening.rfind(end)
}

impl PromptReader for LlamaReader {
    fn read(
        &self,
        chat: &Chat,
        constraint: Option<&Constraint>,
        answer: &[Token],
    ) -> Result<PreparedPrompt, PromptError> {
        let (rendered, guarded) = self.render(chat)?;
        let tokens = self.tokenise(&rendered.prompt, &guarded);
        let shared_tokens = self.openings.shared(chat, &tokens, |chat| {
            let (rendered, guarded) = self.render(chat).ok()?;
            Some(self.tokenise(&rendered.prompt, &guarded))
        });
        let format = if rendered.is_plain { ReplyFormat::default() } else { self.format(&rendered, chat) };
        let filter = self.filter(chat, constraint, &format, answer)?;
        Ok(PreparedPrompt { tokens, shared_tokens, stop: rendered.stops, format, filter })
    }

    fn tokenize(&self, text: &str) -> Vec<Token> {
        let mut tokens = Vec::new();
        self.vocabulary.tokenise_into(text, &mut tokens);
        tokens
    }

    fn detokenize(&self, tokens: &[Token]) -> String {
        let mut bytes = Vec::new();
        for token in tokens {
            match self.vocabulary.bytes(*token) {
                [] => bytes.extend(self.vocabulary.full_text(*token).bytes()),
                some => bytes.extend(some),
            }
        }
        String::from_utf8_lossy(&bytes).into_owned()
    }

    fn embed(&self, texts: &[String], pooling: Option<Pooling>) -> Result<Embeddings, PromptError> {
        // A panic leaves the context as good as it was: it is cleared before each text.
        let mut embedder = self.embedder.lock().unwrap_or_else(PoisonError::into_inner);
        let embedder = match &mut *embedder {
            Some(embedder) => embedder,
            none => none.insert(Embedder::new(&self.vocabulary)?),
        };
        embedder.embed(&self.vocabulary, texts, pooling)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::load;
    use crate::log::LlamaLog;
    use crate::models;
    use engine::decoder::{Decoder as _, LoadRequest};
    use engine::{ChatMessage, ChatRole};
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
            let request =
                LoadRequest { context_tokens: Some(256), threads: Some(1), ..LoadRequest::new(path) };
            let loaded = load(&request, &mut |_, _| true, &LlamaLog::default()).unwrap();
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
                assert_eq!(
                    reader.read(&messages.to_vec().into(), None, &[]).unwrap().tokens,
                    own,
                    "{text:?}"
                );
            }
        }
    }
}
