//! JSON as a stream of bytes: where a value ends, how deep it is, and whether it is one at all.
//!
//! For schemas and arguments that come in and for tool calls that a model writes. It builds no values and changes no
//! byte, so numbers keep their digits and objects the order of their members; what a value means is not known here.

use std::borrow::Cow;

/// Deepest nesting that a value may have unless somebody allows less: far above what people write, and far below where
/// a reader that calls itself runs out of stack.
pub const DEPTH_MAX: usize = 64;

/// Why something is not JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JsonError {
    /// A byte that cannot stand here.
    #[error("it is not JSON from byte {at} on")]
    Unexpected {
        /// Its place, from 0.
        at: usize,
    },
    /// The text ends before the value does.
    #[error("it is JSON that ends too early")]
    Incomplete,
    /// More containers within each other than allowed.
    #[error("it is nested deeper than {most} levels")]
    TooDeep {
        /// The bound.
        most: usize,
    },
}

/// What one more byte did to a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scan {
    /// The value goes on.
    More,
    /// The value ends with this byte.
    Ended,
    /// The value, a number, ended before this byte.
    EndedBefore,
}

/// Reads one value, byte by byte, leading white space included.
#[derive(Clone, Debug)]
pub struct Scanner {
    containers: Vec<Container>,
    state: State,
    at: usize,
    depth_max: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Container {
    Object,
    Array,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// A value has to come.
    Value,
    /// A value or the end of the array.
    ValueOrEnd,
    /// A key has to come.
    Key,
    /// A key or the end of the object.
    KeyOrEnd,
    /// The colon behind a key.
    Colon,
    /// A comma, or the end of the container.
    CommaOrEnd,
    String {
        is_key: bool,
        escape: Escape,
    },
    Number(Number),
    /// What is left of `true`, `false` or `null`.
    Literal(&'static [u8]),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Escape {
    None,
    Begun,
    /// So many hexadecimal digits have to come.
    Hex(u8),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Number {
    Minus,
    Zero,
    Integer,
    Point,
    Fraction,
    Exponent,
    ExponentSign,
    ExponentDigits,
}

impl Default for Scanner {
    fn default() -> Self {
        Self::new(DEPTH_MAX)
    }
}

impl Scanner {
    /// Reads a value with so many containers within each other at most.
    pub fn new(depth_max: usize) -> Self {
        Self { containers: Vec::new(), state: State::Value, at: 0, depth_max }
    }

    /// Whether only white space has come.
    pub fn is_empty(&self) -> bool {
        self.state == State::Value && self.containers.is_empty()
    }

    /// Takes one byte. Not to be called after the end.
    ///
    /// # Errors
    /// The byte cannot stand here. The scanner is then of no more use.
    pub fn push(&mut self, byte: u8) -> Result<Scan, JsonError> {
        let at = self.at;
        self.at += 1;
        let unexpected = JsonError::Unexpected { at };
        match self.state {
            State::String { is_key, escape } => self.in_string(byte, is_key, escape).ok_or(unexpected),
            State::Literal([first, rest @ ..]) if *first == byte => {
                self.state = State::Literal(rest);
                Ok(if rest.is_empty() { self.value_ended() } else { Scan::More })
            }
            State::Literal(_) => Err(unexpected),
            State::Number(number) => match number.next(byte) {
                Some(next) => {
                    self.state = State::Number(next);
                    Ok(Scan::More)
                }
                None if !number.may_end() => Err(unexpected),
                None if self.value_ended() == Scan::Ended => Ok(Scan::EndedBefore),
                None => self.between(byte, at),
            },
            _ => self.between(byte, at),
        }
    }

    fn between(&mut self, byte: u8, at: usize) -> Result<Scan, JsonError> {
        if matches!(byte, b' ' | b'\t' | b'\n' | b'\r') {
            return Ok(Scan::More);
        }
        let unexpected = JsonError::Unexpected { at };
        match (self.state, byte) {
            (State::Value | State::ValueOrEnd, b'{') => self.open(Container::Object),
            (State::Value | State::ValueOrEnd, b'[') => self.open(Container::Array),
            (State::ValueOrEnd, b']') | (State::KeyOrEnd, b'}') => Ok(self.close()),
            (State::Value | State::ValueOrEnd, _) => {
                self.state = begin_scalar(byte).ok_or(unexpected)?;
                Ok(Scan::More)
            }
            (State::Key | State::KeyOrEnd, b'"') => {
                self.state = State::String { is_key: true, escape: Escape::None };
                Ok(Scan::More)
            }
            (State::Colon, b':') => {
                self.state = State::Value;
                Ok(Scan::More)
            }
            (State::CommaOrEnd, _) => match (self.containers.last(), byte) {
                (Some(Container::Object), b'}') | (Some(Container::Array), b']') => Ok(self.close()),
                (Some(Container::Object), b',') => {
                    self.state = State::Key;
                    Ok(Scan::More)
                }
                (Some(Container::Array), b',') => {
                    self.state = State::Value;
                    Ok(Scan::More)
                }
                _ => Err(unexpected),
            },
            _ => Err(unexpected),
        }
    }

    fn in_string(&mut self, byte: u8, is_key: bool, escape: Escape) -> Option<Scan> {
        let next = match (escape, byte) {
            (Escape::None, b'"') if is_key => {
                self.state = State::Colon;
                return Some(Scan::More);
            }
            (Escape::None, b'"') => return Some(self.value_ended()),
            (Escape::None, b'\\') => Escape::Begun,
            (Escape::None, 0..=0x1f) => return None,
            (Escape::None, _) => Escape::None,
            (Escape::Begun, b'u') => Escape::Hex(4),
            (Escape::Begun, b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Escape::None,
            (Escape::Hex(1), byte) if byte.is_ascii_hexdigit() => Escape::None,
            (Escape::Hex(left), byte) if byte.is_ascii_hexdigit() => Escape::Hex(left - 1),
            (Escape::Begun | Escape::Hex(_), _) => return None,
        };
        self.state = State::String { is_key, escape: next };
        Some(Scan::More)
    }

    fn open(&mut self, container: Container) -> Result<Scan, JsonError> {
        if self.containers.len() >= self.depth_max {
            return Err(JsonError::TooDeep { most: self.depth_max });
        }
        self.containers.push(container);
        self.state = match container {
            Container::Object => State::KeyOrEnd,
            Container::Array => State::ValueOrEnd,
        };
        Ok(Scan::More)
    }

    fn close(&mut self) -> Scan {
        self.containers.pop();
        self.value_ended()
    }

    fn value_ended(&mut self) -> Scan {
        self.state = State::CommaOrEnd;
        if self.containers.is_empty() { Scan::Ended } else { Scan::More }
    }
}

fn begin_scalar(byte: u8) -> Option<State> {
    Some(match byte {
        b'"' => State::String { is_key: false, escape: Escape::None },
        b't' => State::Literal(b"rue"),
        b'f' => State::Literal(b"alse"),
        b'n' => State::Literal(b"ull"),
        b'-' => State::Number(Number::Minus),
        b'0' => State::Number(Number::Zero),
        b'1'..=b'9' => State::Number(Number::Integer),
        _ => return None,
    })
}

impl Number {
    fn next(self, byte: u8) -> Option<Self> {
        Some(match (self, byte) {
            (Self::Minus, b'0') => Self::Zero,
            (Self::Minus | Self::Integer, b'0'..=b'9') => Self::Integer,
            (Self::Zero | Self::Integer, b'.') => Self::Point,
            (Self::Point | Self::Fraction, b'0'..=b'9') => Self::Fraction,
            (Self::Zero | Self::Integer | Self::Fraction, b'e' | b'E') => Self::Exponent,
            (Self::Exponent, b'+' | b'-') => Self::ExponentSign,
            (Self::Exponent | Self::ExponentSign | Self::ExponentDigits, b'0'..=b'9') => Self::ExponentDigits,
            _ => return None,
        })
    }

    fn may_end(self) -> bool {
        matches!(self, Self::Zero | Self::Integer | Self::Fraction | Self::ExponentDigits)
    }
}

/// Checks that a text is one JSON value, nested no deeper than allowed.
///
/// # Errors
/// Why it is not.
pub fn check(text: &str, depth_max: usize) -> Result<(), JsonError> {
    let mut scanner = Scanner::new(depth_max);
    // The space ends a number that is the last thing in the text.
    let mut bytes = text.bytes().chain([b' ']).enumerate().peekable();
    while let Some((_, byte)) = bytes.peek() {
        let scan = scanner.push(*byte)?;
        if scan != Scan::EndedBefore {
            bytes.next();
        }
        if scan != Scan::More {
            let rest = bytes.find(|(_, byte)| !byte.is_ascii_whitespace());
            return rest.map_or(Ok(()), |(at, _)| Err(JsonError::Unexpected { at }));
        }
    }
    Err(JsonError::Incomplete)
}

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

#[cfg(test)]
mod tests;
