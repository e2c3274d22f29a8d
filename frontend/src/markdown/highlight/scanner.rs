//! A reader of one line that hands out every byte exactly once.

use super::{Kind, Token};

/// Reads a line from the left and collects its tokens.
pub(super) struct Scanner<'a, 't> {
    line: &'a str,
    rest: &'a str,
    tokens: &'t mut Vec<Token<'a>>,
    /// What was read last, but for space.
    last: &'a str,
    /// How many tokens earlier lines made.
    first_token: usize,
}

impl<'a, 't> Scanner<'a, 't> {
    pub(super) fn new(line: &'a str, tokens: &'t mut Vec<Token<'a>>) -> Self {
        let first_token = tokens.len();
        Self { line, rest: line, tokens, last: "", first_token }
    }

    /// What is not read yet.
    pub(super) fn rest(&self) -> &'a str {
        self.rest
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    /// The last letter read that is no space.
    pub(super) fn last(&self) -> Option<char> {
        self.last.chars().next_back()
    }

    /// The last piece read that is no space: a word, when it was a word.
    pub(super) fn last_piece(&self) -> &'a str {
        self.last
    }

    pub(super) fn starts_with(&self, text: &str) -> bool {
        self.rest.starts_with(text)
    }

    /// Whether nothing was read yet but spaces.
    pub(super) fn at_line_start(&self) -> bool {
        self.last.is_empty()
    }

    /// Whether the letter before is a space or there is none.
    pub(super) fn after_space(&self) -> bool {
        let read = self.line.len() - self.rest.len();
        self.line.get(..read).is_none_or(|read| read.chars().next_back().is_none_or(char::is_whitespace))
    }

    /// How many bytes at the front satisfy `belongs`.
    pub(super) fn count(&self, belongs: impl Fn(char) -> bool) -> usize {
        self.rest.find(|c| !belongs(c)).unwrap_or(self.rest.len())
    }

    /// Reads `bytes` as `kind`. Neighbours of one kind become one token.
    pub(super) fn emit(&mut self, kind: Kind, bytes: usize) {
        let (text, rest) = self.rest.split_at_checked(bytes).unwrap_or((self.rest, ""));
        if text.is_empty() {
            return;
        }
        let end = self.line.len() - rest.len();
        self.rest = rest;
        let piece = text.trim();
        self.last = if piece.is_empty() { self.last } else { piece };
        let same_line = self.tokens.len() > self.first_token;
        match self.tokens.last_mut() {
            Some((last_kind, last)) if same_line && *last_kind == kind => {
                let start = end - text.len() - last.len();
                *last = self.line.get(start..end).unwrap_or(text);
            }
            _ => self.tokens.push((kind, text)),
        }
    }

    /// Reads one letter as `kind`.
    pub(super) fn emit_char(&mut self, kind: Kind) {
        self.emit(kind, self.peek().map_or(0, char::len_utf8));
    }

    /// Reads the whole rest as `kind`.
    pub(super) fn emit_rest(&mut self, kind: Kind) {
        self.emit(kind, self.rest.len());
    }

    /// Reads up to `end` and with it as `kind`. Without it, reads the whole rest and says so.
    pub(super) fn emit_through(&mut self, kind: Kind, end: &str) -> bool {
        match self.rest.find(end) {
            Some(at) => {
                self.emit(kind, at + end.len());
                true
            }
            None => {
                self.emit_rest(kind);
                false
            }
        }
    }
}
