//! Languages made of words: nearly all of them. One table each, one reader for all of them.

mod reader;

/// How a language is written. The lists of words are sorted.
#[derive(Debug)]
pub(super) struct Words {
    /// What begins a comment that ends with its line.
    pub(super) line_comments: &'static [&'static str],
    /// What begins and ends a comment that may span lines.
    pub(super) block_comment: Option<(&'static str, &'static str)>,
    /// Whether comments hold comments.
    pub(super) nested_comments: bool,
    /// The longer ones first.
    pub(super) quotes: &'static [Quote],
    pub(super) keywords: &'static [&'static str],
    pub(super) types: &'static [&'static str],
    pub(super) constants: &'static [&'static str],
    /// Signs that belong to words, beside letters, digits and `_`.
    pub(super) word_signs: &'static str,
    /// Whether `SELECT` and `select` are one word.
    pub(super) fold_case: bool,
    /// Whether a word before a bracket is a function, and one with a capital a type.
    pub(super) names: bool,
    /// What begins an annotation or a directive.
    pub(super) tags: &'static [&'static str],
    /// What begins a variable.
    pub(super) variable: Option<char>,
    pub(super) keys: Keys,
    /// `'a` is a lifetime, `r#"…"#` a raw string, `name!` a call.
    pub(super) rust: bool,
}

/// A pair of quotes.
#[derive(Debug)]
pub(super) struct Quote {
    pub(super) open: &'static str,
    pub(super) close: &'static str,
    /// Whether a backslash takes the next letter with it.
    pub(super) escapes: bool,
    /// Whether it may span lines.
    pub(super) spans_lines: bool,
}

/// Which words are keys.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Keys {
    None,
    /// What stands before this sign, a string too.
    Before(char),
    /// What begins a line and stands before this sign.
    LineStart(char),
    /// What stands before a colon, unless a block begins on the line.
    Css,
}

/// A language with nothing in it: the ground that the tables fill in.
pub(super) const PLAIN: Words = Words {
    line_comments: &[],
    block_comment: None,
    nested_comments: false,
    quotes: &[],
    keywords: &[],
    types: &[],
    constants: &[],
    word_signs: "",
    fold_case: false,
    names: true,
    tags: &[],
    variable: None,
    keys: Keys::None,
    rust: false,
};

pub(super) const fn quote(open: &'static str, close: &'static str) -> Quote {
    Quote { open, close, escapes: true, spans_lines: false }
}

pub(super) const fn lines_quote(open: &'static str, close: &'static str) -> Quote {
    Quote { open, close, escapes: true, spans_lines: true }
}

pub(super) const fn quote_plain(open: &'static str, close: &'static str) -> Quote {
    Quote { open, close, escapes: false, spans_lines: false }
}

pub(super) const fn raw_quote(open: &'static str, close: &'static str) -> Quote {
    Quote { open, close, escapes: false, spans_lines: true }
}
