//! What is written with backslashes within JSON's strings.

use std::borrow::Cow;

/// Writes escaped characters as themselves wherever a JSON text allows it, so that a search for words in the text finds
/// them however they were written. The text stays the same JSON.
pub fn unescaped(text: &str) -> Cow<'_, str> {
    if !text.contains("\\u") && !text.contains("\\/") {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, escape)) = rest.split_once('\\') {
        plain.push_str(before);
        let (char, behind) = match read_escape(escape) {
            Some((char, behind)) => (char, behind),
            // Half a pair, or no escape at all: it stays.
            None => {
                let mut characters = escape.chars();
                plain.push('\\');
                plain.extend(characters.next());
                rest = characters.as_str();
                continue;
            }
        };
        match char {
            '"' | '\\' => plain.extend(['\\', char]),
            '\u{0}'..='\u{1f}' => plain.push_str(&format!("\\u{:04x}", u32::from(char))),
            char => plain.push(char),
        }
        rest = behind;
    }
    plain.push_str(rest);
    Cow::Owned(plain)
}

/// The text of a JSON string without its quotes; what is no escape stays as it is.
pub fn string_content(raw: &str) -> String {
    let mut content = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((before, escape)) = rest.split_once('\\') {
        content.push_str(before);
        match read_escape(escape) {
            Some((char, behind)) => {
                content.push(char);
                rest = behind;
            }
            None => {
                content.push('\\');
                rest = escape;
            }
        }
    }
    content.push_str(rest);
    content
}

/// The character of an escape, given what follows its backslash, and what follows the escape.
fn read_escape(escape: &str) -> Option<(char, &str)> {
    let mut characters = escape.chars();
    let simple = match characters.next()? {
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'b' => '\u{8}',
        'f' => '\u{c}',
        char @ ('"' | '\\' | '/') => char,
        'u' => return read_unicode(characters.as_str()),
        _ => return None,
    };
    Some((simple, characters.as_str()))
}

fn read_unicode(digits: &str) -> Option<(char, &str)> {
    let unit = |text: &str| text.get(..4).and_then(|hex| u16::from_str_radix(hex, 16).ok());
    let first = unit(digits)?;
    let behind = digits.get(4..)?;
    if let Some(char) = char::from_u32(u32::from(first)) {
        return Some((char, behind));
    }
    let second = behind.strip_prefix("\\u")?;
    let pair = char::decode_utf16([first, unit(second)?]).next()?.ok()?;
    Some((pair, second.get(4..)?))
}

/// A text as a JSON string, with its quotes.
pub fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for char in text.chars() {
        match char {
            '"' | '\\' => quoted.extend(['\\', char]),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            '\u{0}'..='\u{1f}' => quoted.push_str(&format!("\\u{:04x}", u32::from(char))),
            char => quoted.push(char),
        }
    }
    quoted.push('"');
    quoted
}
