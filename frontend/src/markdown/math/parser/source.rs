//! Takes letters from the source.

use super::Parser;

impl<'a> Parser<'a> {
    /// The letters of a group, or the next letter.
    pub(super) fn raw_argument(&mut self) -> &'a str {
        self.skip_space();
        if self.eat("{") {
            return self.raw_group_after_brace();
        }
        let length = self.peek().map_or(0, char::len_utf8);
        let (letter, after) = self.rest.split_at_checked(length).unwrap_or(("", self.rest));
        self.rest = after;
        letter
    }

    pub(super) fn raw_group_after_brace(&mut self) -> &'a str {
        let mut open = 1usize;
        let end = self.rest.find(|c| {
            match c {
                '{' => open += 1,
                '}' => open -= 1,
                _ => {}
            }
            open == 0
        });
        let (inside, after) =
            self.rest.split_at_checked(end.unwrap_or(self.rest.len())).unwrap_or((self.rest, ""));
        self.rest = after.strip_prefix('}').unwrap_or(after);
        inside
    }

    /// The name behind a backslash: letters, or one sign.
    pub(super) fn command_name(&mut self) -> &'a str {
        let letters = self.take_while(|c| c.is_ascii_alphabetic());
        if !letters.is_empty() {
            return letters;
        }
        let length = self.peek().map_or(0, char::len_utf8);
        let (sign, after) = self.rest.split_at_checked(length).unwrap_or(("", self.rest));
        self.rest = after;
        sign
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    pub(super) fn take_char(&mut self) -> Option<char> {
        let mut letters = self.rest.chars();
        let first = letters.next();
        self.rest = letters.as_str();
        first
    }

    pub(super) fn take_while(&mut self, belongs: impl Fn(char) -> bool) -> &'a str {
        let length = self.rest.find(|c| !belongs(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at_checked(length).unwrap_or((self.rest, ""));
        self.rest = rest;
        taken
    }

    pub(super) fn eat(&mut self, text: &str) -> bool {
        match self.rest.strip_prefix(text) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    pub(super) fn skip_space(&mut self) {
        self.rest = self.rest.trim_start();
    }
}
