//! HTML and XML, with the scripts and style sheets within.

use super::languages::{CSS, JAVASCRIPT};
use super::scanner::Scanner;
use super::words::Words;
use super::{Embedded, Kind, Open, State};

/// Reads one line that begins in `state`.
pub(super) fn line(state: State, scanner: &mut Scanner<'_, '_>) -> State {
    let mut state = state;
    while !scanner.rest().is_empty() {
        state = match state.embedded {
            Some(Embedded::Script) => embedded(state, &JAVASCRIPT, "</script", scanner),
            Some(Embedded::Style) => embedded(state, &CSS, "</style", scanner),
            _ => markup(state, scanner),
        };
    }
    state
}

/// Reads script or style up to the tag that ends it, or the line's end.
fn embedded(state: State, words: &Words, end: &str, scanner: &mut Scanner<'_, '_>) -> State {
    if scanner.starts_with(end) {
        return State::default();
    }
    match scanner.rest().find(end) {
        // A page that closes on the line of its script: the script is short, its colours are let go.
        Some(length) => {
            scanner.emit(Kind::Plain, length);
            State::default()
        }
        None => State { open: words.line(state.open, scanner), ..state },
    }
}

fn markup(state: State, scanner: &mut Scanner<'_, '_>) -> State {
    match state.open {
        Open::Comment(_) => comment(scanner),
        Open::Tag => tag(state, scanner),
        Open::Quote(index) => value(state, if index == 0 { '"' } else { '\'' }, scanner),
        Open::Nothing | Open::Raw(_) | Open::Fence => text(scanner),
    }
}

fn comment(scanner: &mut Scanner<'_, '_>) -> State {
    let open = if scanner.emit_through(Kind::Comment, "-->") { Open::Nothing } else { Open::Comment(1) };
    State { open, ..State::default() }
}

fn text(scanner: &mut Scanner<'_, '_>) -> State {
    if scanner.starts_with("<!--") {
        return comment(scanner);
    }
    match scanner.peek() {
        Some('<') => open_tag(scanner),
        Some('&') => {
            let length = scanner.count(|c| c.is_alphanumeric() || matches!(c, '&' | '#'));
            let entity = scanner.rest().get(length..).is_some_and(|after| after.starts_with(';'));
            scanner.emit(if entity { Kind::Number } else { Kind::Plain }, length + usize::from(entity));
            State::default()
        }
        _ => {
            scanner.emit(Kind::Plain, scanner.count(|c| !matches!(c, '<' | '&')));
            State::default()
        }
    }
}

fn open_tag(scanner: &mut Scanner<'_, '_>) -> State {
    let name = scanner.rest().trim_start_matches(['<', '/', '!', '?']);
    let signs = scanner.rest().len() - name.len();
    let length =
        name.find(|c: char| !(c.is_alphanumeric() || matches!(c, '-' | ':' | '_'))).unwrap_or(name.len());
    let tag_name = name.get(..length).unwrap_or_default();
    if tag_name.is_empty() {
        scanner.emit(Kind::Plain, signs);
        return State::default();
    }
    let embedded = match (signs, tag_name) {
        (1, "script") => Some(Embedded::ScriptTag),
        (1, "style") => Some(Embedded::StyleTag),
        _ => None,
    };
    scanner.emit(Kind::Plain, signs);
    scanner.emit(Kind::Tag, length);
    State { open: Open::Tag, embedded }
}

/// Reads one part of the inside of a tag.
fn tag(state: State, scanner: &mut Scanner<'_, '_>) -> State {
    match scanner.peek() {
        Some('>') => {
            scanner.emit_char(Kind::Plain);
            let embedded = match state.embedded {
                Some(Embedded::ScriptTag) => Some(Embedded::Script),
                Some(Embedded::StyleTag) => Some(Embedded::Style),
                _ => None,
            };
            State { open: Open::Nothing, embedded }
        }
        Some(quote @ ('"' | '\'')) => {
            scanner.emit_char(Kind::String);
            value(state, quote, scanner)
        }
        Some(c) if c.is_alphanumeric() || matches!(c, '_' | '@' | ':' | '#') => {
            scanner.emit(Kind::Property, scanner.count(|c| !c.is_whitespace() && !"=>\"'/".contains(c)));
            state
        }
        _ => {
            scanner.emit_char(Kind::Plain);
            state
        }
    }
}

/// Reads the value of an attribute up to `quote`.
fn value(state: State, quote: char, scanner: &mut Scanner<'_, '_>) -> State {
    let closed = scanner.emit_through(Kind::String, quote.encode_utf8(&mut [0; 4]));
    let open = if closed { Open::Tag } else { Open::Quote(u8::from(quote != '"')) };
    State { open, ..state }
}
