//! One JSON value, byte by byte, as it comes: only how deep it is and what may follow is remembered.

use super::{DEPTH_MAX, JsonError};

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
