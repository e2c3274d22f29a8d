//! One reply as it grows: from tokens to pieces of reasoning, answer and tool calls.
//!
//! Each piece lists the tokens that brought it, and those before it that brought none. What the tokens of all pieces so
//! far have brought is a function of those tokens alone, so an answer that is continued is read as if it had never been
//! interrupted. At most one piece comes of a token: another one that it brings waits for the next token.

use std::collections::VecDeque;

use super::text::{Piece, Pushed, TextAssembler};
use crate::reply::ReplyFormat;
use crate::{TextKind, Token, TokenChoice};
use parser::{Part, ReplyParser};

mod call;
mod parser;
#[cfg(test)]
mod tests;

/// Something to tell of a reply.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Said {
    Text { kind: TextKind, text: String, tokens: Vec<Token> },
    Call { name: String, id: Option<String>, tokens: Vec<Token> },
}

/// How the answer has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// By itself: what looks like the beginning of a tag is text.
    Whole,
    /// In the middle: the beginning of a tag or of a character may become a whole one when the answer is gone on with, so
    /// it is left out with its tokens. What was told is then the beginning of what will be.
    Cut,
}

/// Reads the tokens of one answer.
#[derive(Debug, Default)]
pub(crate) struct Reply {
    text: TextAssembler,
    markers: Vec<(Token, String)>,
    /// None where all is answer.
    parser: Option<ReplyParser>,
    parts: VecDeque<Part>,
    /// Tokens of no piece yet.
    unlisted: Vec<Token>,
    /// Choices that no piece has taken yet, of the oldest token first.
    choices: VecDeque<TokenChoice>,
}

impl Reply {
    /// Nothing has come yet. It ends before the first of `stops`.
    pub(crate) fn new(format: ReplyFormat, stops: Vec<String>) -> Self {
        let is_read = format.reasoning.is_some() || format.tools.is_some();
        let markers = format.markers.clone();
        Self {
            text: TextAssembler::new(stops),
            markers,
            parser: is_read.then(|| ReplyParser::new(format)),
            parts: VecDeque::new(),
            unlisted: Vec::new(),
            choices: VecDeque::new(),
        }
    }

    /// The text of a control token that tags are made of.
    pub(crate) fn marker_text(&self, token: Token) -> Option<&str> {
        self.markers.iter().find(|(marker, _)| *marker == token).map(|(_, text)| text.as_str())
    }

    /// Reads the tokens of an answer that is gone on with, whose pieces have all been told. Answers how many tool calls
    /// began in them.
    pub(crate) fn replay<'a>(&mut self, tokens: impl IntoIterator<Item = (Token, &'a [u8])>) -> u32 {
        let mut calls = 0;
        if self.parser.is_none() {
            return calls;
        }
        let mut assembler = TextAssembler::new(Vec::new());
        for (token, bytes) in tokens {
            let text = self.marker_text(token).map(|text| text.as_bytes().to_vec());
            if let Pushed::More(Some(piece)) = assembler.push(token, text.as_deref().unwrap_or(bytes)) {
                calls += u32::from(matches!(self.read(piece), Some(Said::Call { .. })));
            }
        }
        self.unlisted.clear();
        calls
    }

    /// Notes how likely the next token was, before it is pushed.
    pub(crate) fn note_choice(&mut self, choice: TokenChoice) {
        self.choices.push_back(choice);
    }

    /// Reads a token, whose bytes are those that it has in an answer. True with the last one: a stop string is complete.
    pub(crate) fn push(&mut self, token: Token, bytes: &[u8]) -> (Vec<Said>, bool) {
        match self.text.push(token, bytes) {
            Pushed::More(piece) => (piece.into_iter().filter_map(|piece| self.read(piece)).collect(), false),
            Pushed::Stop(pieces) => {
                let mut said: Vec<Said> = pieces.into_iter().filter_map(|piece| self.read(piece)).collect();
                said.extend(self.settle(Ended::Whole));
                (said, true)
            }
        }
    }

    /// The answer has ended: tells what was held back.
    pub(crate) fn finish(&mut self, ended: Ended) -> Vec<Said> {
        let mut pieces = self.text.finish();
        if ended == Ended::Cut {
            pieces.retain(|piece| !piece.tokens.is_empty());
        }
        let mut said: Vec<Said> = pieces.into_iter().filter_map(|piece| self.read(piece)).collect();
        said.extend(self.settle(ended));
        said
    }

    /// The choices of so many tokens of a piece.
    pub(crate) fn take_choices(&mut self, count: usize) -> Vec<TokenChoice> {
        self.choices.drain(..count.min(self.choices.len())).collect()
    }

    fn read(&mut self, Piece { text, tokens }: Piece) -> Option<Said> {
        let Some(parser) = &mut self.parser else {
            return Some(Said::Text { kind: TextKind::Answer, text, tokens });
        };
        self.unlisted.extend(tokens);
        parser.push(&text, &mut self.parts);
        self.next_said()
    }

    fn settle(&mut self, ended: Ended) -> Vec<Said> {
        if let Some(parser) = &mut self.parser
            && ended == Ended::Whole
        {
            parser.finish(&mut self.parts);
        }
        std::iter::from_fn(|| self.next_said()).collect()
    }

    fn next_said(&mut self) -> Option<Said> {
        let part = self.parts.pop_front()?;
        let tokens = std::mem::take(&mut self.unlisted);
        Some(match part {
            Part::Text { kind, text } => Said::Text { kind, text, tokens },
            Part::Call { name, id } => Said::Call { name, id, tokens },
        })
    }
}
