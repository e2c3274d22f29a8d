//! Colours for code: a tokenizer that is small, tolerant and linear, driven by tables.
//!
//! Code is read line by line; what one line leaves open (a comment, a string, a script within HTML) is a small
//! [`State`], so a reader that keeps it may go on where it was. Nothing is ever wrong enough to fail: the tokens
//! always add up to the text.

mod languages;
mod lines;
mod markup;
mod scanner;
mod words;

use scanner::Scanner;

/// What a piece of code is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Anything else.
    Plain,
    /// A comment.
    Comment,
    /// A string.
    String,
    /// A number or another constant.
    Number,
    /// A word of the language.
    Keyword,
    /// A type.
    Type,
    /// A function that is called or declared.
    Function,
    /// A key, a property, an attribute of an element.
    Property,
    /// An annotation, a directive, the name of an element.
    Tag,
    /// A variable that its language marks.
    Variable,
    /// A line that was added.
    Inserted,
    /// A line that was removed.
    Deleted,
    /// A heading.
    Heading,
}

/// A piece of text and what it is.
pub type Token<'a> = (Kind, &'a str);

/// What a line leaves open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct State {
    open: Open,
    /// The language between the tags of a page.
    embedded: Option<Embedded>,
}

/// What is open within one language.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Open {
    #[default]
    Nothing,
    /// A comment, so many levels deep.
    Comment(u8),
    /// The string that the quote of this number began.
    Quote(u8),
    /// A raw string that as many `#` close.
    Raw(u8),
    /// An element's tag.
    Tag,
    /// A fence in Markdown.
    Fence,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Embedded {
    /// After `<script`: what stands in the tag itself is not script yet.
    ScriptTag,
    Script,
    StyleTag,
    Style,
}

/// A language that can be coloured.
#[derive(Debug)]
pub struct Language {
    /// As people write it.
    pub name: &'static str,
    /// What may stand after a fence, in lower case.
    aliases: &'static [&'static str],
    grammar: Grammar,
}

#[derive(Debug)]
enum Grammar {
    Words(words::Words),
    /// A table that other languages use too.
    Shared(&'static words::Words),
    Markup,
    Markdown,
    Diff,
}

/// Longer lines are data, not code: beyond this they stay plain, so that one of them cannot take long.
const MAX_LINE_BYTES: usize = 2_000;

/// The language that `name` (in lower case) means.
pub fn language(name: &str) -> Option<&'static Language> {
    languages::ALL.iter().copied().find(|language| language.aliases.contains(&name))
}

/// The tokens of `code`, which begins at the start of a line in `state`, and the state after it.
pub fn highlight<'a>(language: &Language, state: State, code: &'a str) -> (Vec<Token<'a>>, State) {
    let mut state = state;
    let mut tokens = Vec::new();
    for line in code.split_inclusive('\n') {
        let mut scanner = Scanner::new(line, &mut tokens);
        if line.len() > MAX_LINE_BYTES {
            scanner.emit_rest(Kind::Plain);
            continue;
        }
        state = match &language.grammar {
            Grammar::Words(words) => State { open: words.line(state.open, &mut scanner), ..State::default() },
            Grammar::Shared(words) => {
                State { open: words.line(state.open, &mut scanner), ..State::default() }
            }
            Grammar::Markup => markup::line(state, &mut scanner),
            Grammar::Markdown => {
                State { open: lines::markdown(state.open, &mut scanner), ..State::default() }
            }
            Grammar::Diff => {
                lines::diff(&mut scanner);
                State::default()
            }
        };
    }
    (tokens, state)
}

// The generator of random texts is for native builds only.
#[cfg(test)]
#[cfg(not(target_family = "wasm"))]
mod tests;
