//! Reads a line of a language made of words.

use super::super::scanner::Scanner;
use super::super::{Kind, Open};
use super::{Keys, Quote, Words};

impl Words {
    /// Reads one line that begins with `open`; what it leaves open.
    pub(in super::super) fn line(&self, open: Open, scanner: &mut Scanner<'_, '_>) -> Open {
        let mut open = self.resume(open, scanner);
        while open == Open::Nothing && !scanner.rest().is_empty() {
            open = self.next(scanner);
        }
        open
    }

    fn resume(&self, open: Open, scanner: &mut Scanner<'_, '_>) -> Open {
        match open {
            Open::Comment(depth) => self.comment(depth, scanner),
            Open::Quote(index) => match self.quotes.get(usize::from(index)) {
                Some(quote) => read_quote(quote, index, Kind::String, scanner),
                None => Open::Nothing,
            },
            Open::Raw(hashes) => raw_string(hashes, scanner),
            Open::Nothing | Open::Tag | Open::Fence => Open::Nothing,
        }
    }

    fn next(&self, scanner: &mut Scanner<'_, '_>) -> Open {
        let Some(first) = scanner.peek() else { return Open::Nothing };
        if first.is_whitespace() {
            scanner.emit(Kind::Plain, scanner.count(char::is_whitespace));
            return Open::Nothing;
        }
        if self.line_comments.iter().any(|sign| self.begins_comment(sign, scanner)) {
            scanner.emit_rest(Kind::Comment);
            return Open::Nothing;
        }
        if let Some((begin, _)) = self.block_comment.filter(|(begin, _)| scanner.starts_with(begin)) {
            scanner.emit(Kind::Comment, begin.len());
            return self.comment(1, scanner);
        }
        if self.rust && self.rust_sign(first, scanner) {
            return Open::Nothing;
        }
        if let Some(hashes) = self.rust.then(|| raw_string_hashes(scanner.rest())).flatten() {
            scanner.emit(Kind::String, 2 + usize::from(hashes));
            return raw_string(hashes, scanner);
        }
        if let Some((index, quote)) =
            (0..).zip(self.quotes).find(|(_, quote)| scanner.starts_with(quote.open))
        {
            let kind = if self.string_is_key(quote, scanner.rest()) { Kind::Property } else { Kind::String };
            scanner.emit(kind, quote.open.len());
            return read_quote(quote, index, kind, scanner);
        }
        if let Some(tag) = self.tags.iter().find(|tag| scanner.starts_with(tag)) {
            self.tag(tag, scanner);
        } else if self.variable == Some(first) {
            self.variable(scanner);
        } else if first.is_ascii_digit() {
            number(scanner);
        } else if self.in_word(first) {
            self.word(scanner);
        } else {
            scanner.emit_char(Kind::Plain);
        }
        Open::Nothing
    }

    /// `#` begins a comment only after a space: `$#` and `a#b` in a shell are none.
    fn begins_comment(&self, sign: &str, scanner: &Scanner<'_, '_>) -> bool {
        scanner.starts_with(sign) && (sign != "#" || scanner.after_space())
    }

    fn comment(&self, mut depth: u8, scanner: &mut Scanner<'_, '_>) -> Open {
        let Some((begin, end)) = self.block_comment else { return Open::Nothing };
        loop {
            let rest = scanner.rest();
            let begins = if self.nested_comments { rest.find(begin) } else { None };
            match (rest.find(end), begins) {
                (ends, Some(begins)) if ends.is_none_or(|ends| begins < ends) => {
                    scanner.emit(Kind::Comment, begins + begin.len());
                    depth = depth.saturating_add(1);
                }
                (Some(ends), _) => {
                    scanner.emit(Kind::Comment, ends + end.len());
                    depth -= 1;
                    if depth == 0 {
                        return Open::Nothing;
                    }
                }
                (None, _) => {
                    scanner.emit_rest(Kind::Comment);
                    return Open::Comment(depth);
                }
            }
        }
    }

    fn in_word(&self, c: char) -> bool {
        c.is_alphanumeric() || c == '_' || self.word_signs.contains(c)
    }

    fn word(&self, scanner: &mut Scanner<'_, '_>) {
        let at_line_start = scanner.at_line_start() || scanner.last() == Some('-');
        let after_dot = scanner.last() == Some('.');
        let declared = matches!(scanner.last_piece(), "fn" | "func" | "fun" | "def" | "function");
        let length = scanner.count(|c| self.in_word(c));
        let (word, after) = scanner.rest().split_at_checked(length).unwrap_or((scanner.rest(), ""));
        let kind = if self.is_key(at_line_start, after) {
            Kind::Property
        } else if declared && self.names {
            Kind::Function
        } else if after_dot {
            self.name(word, after)
        } else if self.lists(self.keywords, word) {
            Kind::Keyword
        } else if self.lists(self.types, word) {
            Kind::Type
        } else if self.lists(self.constants, word) {
            Kind::Number
        } else {
            self.name(word, after)
        };
        scanner.emit(kind, length);
    }

    fn lists(&self, list: &[&str], word: &str) -> bool {
        if self.fold_case {
            list.binary_search(&word.to_ascii_lowercase().as_str()).is_ok()
        } else {
            list.binary_search(&word).is_ok()
        }
    }

    fn name(&self, word: &str, after: &str) -> Kind {
        let capital = word.starts_with(char::is_uppercase);
        if !self.names {
            Kind::Plain
        } else if after.starts_with('(') || (self.rust && after.starts_with('!') && !after.starts_with("!="))
        {
            if capital && self.rust { Kind::Type } else { Kind::Function }
        } else if capital && word.contains(char::is_lowercase) {
            Kind::Type
        } else if capital && word.len() > 1 {
            Kind::Number
        } else {
            Kind::Plain
        }
    }

    fn is_key(&self, at_line_start: bool, after: &str) -> bool {
        match self.keys {
            Keys::None => false,
            Keys::Before(sign) => after.trim_start().starts_with(sign),
            Keys::LineStart(sign) => at_line_start && after.trim_start().starts_with(sign),
            Keys::Css => {
                let declaration = after.split(';').next().unwrap_or_default();
                after.starts_with(':') && !declaration.contains('{')
            }
        }
    }

    /// `text` begins with `quote`: whether it is the key of a pair.
    fn string_is_key(&self, quote: &Quote, text: &str) -> bool {
        let (Keys::Before(sign) | Keys::LineStart(sign)) = self.keys else { return false };
        let inside = text.get(quote.open.len()..).unwrap_or_default();
        let Some(end) = find_close(quote, inside) else { return false };
        inside.get(end..).is_some_and(|after| after.trim_start().starts_with(sign))
    }

    fn tag(&self, tag: &str, scanner: &mut Scanner<'_, '_>) {
        let rest = scanner.rest().get(tag.len()..).unwrap_or_default();
        let name_length = rest.find(|c: char| !self.in_word(c)).unwrap_or(rest.len());
        let name = rest.get(..name_length).unwrap_or_default();
        let (kind, length) = if tag.ends_with('[') {
            (Kind::Tag, rest.find(']').map_or(rest.len(), |end| end + 1))
        } else if self.keys == Keys::Css && is_color(tag, name) {
            (Kind::Number, name_length)
        } else if self.keys == Keys::Css
            && !name.starts_with(|c: char| c.is_alphabetic() || c == '-' || c == '_')
        {
            (Kind::Plain, 0)
        } else {
            (Kind::Tag, name_length)
        };
        scanner.emit(kind, tag.len() + length);
    }

    fn variable(&self, scanner: &mut Scanner<'_, '_>) {
        let name = scanner.rest().get(1..).unwrap_or_default();
        let length = match name.chars().next() {
            Some('{') => name.find('}').map_or(name.len(), |end| end + 1),
            Some(c) if self.in_word(c) => name.find(|c| !self.in_word(c)).unwrap_or(name.len()),
            Some(c) if "?#@*!$-".contains(c) => 1,
            _ => 0,
        };
        let kind = if length > 0 { Kind::Variable } else { Kind::Plain };
        scanner.emit(kind, 1 + length);
    }

    /// Lifetimes, and characters that are no lifetimes.
    fn rust_sign(&self, first: char, scanner: &mut Scanner<'_, '_>) -> bool {
        if first != '\'' {
            return false;
        }
        let mut letters = scanner.rest().char_indices().skip(1);
        let character = match letters.next() {
            Some((_, '\\')) => letters.skip(1).find(|(_, c)| *c == '\'').map(|(end, _)| end + 1),
            Some(_) => letters.next().filter(|(_, c)| *c == '\'').map(|(end, _)| end + 1),
            None => None,
        };
        match character {
            Some(length) => scanner.emit(Kind::String, length),
            None => {
                let name = scanner.rest().get(1..).unwrap_or_default();
                let length = name.find(|c| !self.in_word(c)).unwrap_or(name.len());
                scanner.emit(Kind::Variable, 1 + length);
            }
        }
        true
    }
}

/// Whether `#name` is a colour and not the id of an element.
fn is_color(sign: &str, name: &str) -> bool {
    sign == "#" && matches!(name.len(), 3 | 4 | 6 | 8) && name.chars().all(|c| c.is_ascii_hexdigit())
}

/// Where `quote` ends in `inside`, behind its closing sign.
fn find_close(quote: &Quote, inside: &str) -> Option<usize> {
    let mut from = 0;
    loop {
        let rest = inside.get(from..)?;
        let close = rest.find(quote.close)?;
        match rest.find('\\').filter(|escape| quote.escapes && *escape < close) {
            Some(escape) => {
                let escaped = rest.get(escape + 1..)?.chars().next()?;
                from += escape + 1 + escaped.len_utf8();
            }
            None => return Some(from + close + quote.close.len()),
        }
    }
}

/// Reads the inside of a string up to its end, or the line's.
fn read_quote(quote: &Quote, index: u8, kind: Kind, scanner: &mut Scanner<'_, '_>) -> Open {
    match find_close(quote, scanner.rest()) {
        Some(length) => {
            scanner.emit(kind, length);
            Open::Nothing
        }
        None => {
            scanner.emit_rest(kind);
            if quote.spans_lines { Open::Quote(index) } else { Open::Nothing }
        }
    }
}

/// How many `#` the raw string has that `text` begins with.
fn raw_string_hashes(text: &str) -> Option<u8> {
    let after = text.strip_prefix('r')?;
    let quote = after.trim_start_matches('#');
    if !quote.starts_with('"') {
        return None;
    }
    u8::try_from(after.len() - quote.len()).ok()
}

fn raw_string(hashes: u8, scanner: &mut Scanner<'_, '_>) -> Open {
    let close = format!("\"{}", "#".repeat(usize::from(hashes)));
    if scanner.emit_through(Kind::String, &close) { Open::Nothing } else { Open::Raw(hashes) }
}

fn number(scanner: &mut Scanner<'_, '_>) {
    let mut length = 0;
    let mut letters = scanner.rest().chars().peekable();
    let mut before = '0';
    while let Some(c) = letters.next() {
        let fraction = c == '.' && letters.peek().is_some_and(char::is_ascii_digit);
        let exponent = matches!(c, '+' | '-') && matches!(before, 'e' | 'E');
        if !(c.is_alphanumeric() || c == '_' || c == '%' || fraction || exponent) {
            break;
        }
        length += c.len_utf8();
        before = c;
    }
    scanner.emit(Kind::Number, length);
}
