//! The numbers, texts and lists of a GGUF file, each within bounds.

use std::io::{self, Read, Seek};

use super::{GgufError, damaged};

/// Most bytes of a key: the format's own bound.
const KEY_MAX_BYTES: u64 = 65_535;
/// Most bytes of a text value. Chat templates are the longest, with some tens of kilobytes.
const TEXT_MAX_BYTES: u64 = 4 * 1024 * 1024;
/// Most elements of a list: the largest vocabularies have a quarter of a million tokens, and twice as many merges. Each
/// text takes llama.cpp ten times the bytes that it has at least in the file.
const ELEMENTS_MAX: u64 = 4 * 1024 * 1024;

/// Longest list whose numbers are kept, which are those of the layers.
const LAYERS_MAX: u64 = 1_024;

/// A value of the metadata.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Integer {
        value: u64,
        is_u32: bool,
    },
    Float(f32),
    Text(String),
    /// What it holds is kept where it is whole numbers, or yes (1) and no, one for each layer.
    List {
        length: u64,
        integers: Vec<u64>,
    },
    Other,
}

pub(super) struct Reader<R> {
    from: R,
    size_bytes: u64,
    position: u64,
}

impl<R: Read + Seek> Reader<R> {
    pub(super) fn new(from: R, size_bytes: u64) -> Self {
        Self { from, size_bytes, position: 0 }
    }

    /// Bytes before the next one.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    pub(super) fn truncated(&self) -> GgufError {
        GgufError::Truncated { size_bytes: self.size_bytes }
    }

    pub(super) fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    fn left(&self) -> u64 {
        self.size_bytes.saturating_sub(self.position)
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), GgufError> {
        self.from.read_exact(bytes).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => self.truncated(),
            _ => GgufError::Io(error),
        })?;
        self.position += bytes.len() as u64;
        Ok(())
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], GgufError> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, GgufError> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, GgufError> {
        self.array().map(u64::from_le_bytes)
    }

    pub(super) fn count(&mut self, of: &str, most: u64) -> Result<u64, GgufError> {
        let count = self.u64()?;
        if count > most {
            return Err(damaged(format!("it claims {count} {of}")));
        }
        Ok(count)
    }

    /// A length that fits what is left of the file.
    fn length(&mut self, of: &str, most: u64) -> Result<u64, GgufError> {
        let length = self.u64()?;
        if length > most {
            return Err(damaged(format!("{of} claims {length} bytes")));
        }
        if length > self.left() {
            return Err(self.truncated());
        }
        Ok(length)
    }

    pub(super) fn text(&mut self, of: &str, most: u64) -> Result<String, GgufError> {
        let length = self.length(of, most)?;
        let mut bytes = vec![0; length as usize];
        self.fill(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn skip(&mut self, bytes: u64) -> Result<(), GgufError> {
        let distance = i64::try_from(bytes).ok().filter(|_| bytes <= self.left());
        let Some(distance) = distance else {
            return Err(self.truncated());
        };
        self.from.seek_relative(distance).map_err(GgufError::Io)?;
        self.position += bytes;
        Ok(())
    }

    /// The name of a value. C code takes a NUL for its end.
    pub(super) fn key(&mut self) -> Result<String, GgufError> {
        let key = self.text("a key", KEY_MAX_BYTES)?;
        if key.is_empty() || key.contains('\0') {
            return Err(damaged("a key is no name"));
        }
        Ok(key)
    }

    pub(super) fn value(&mut self) -> Result<Value, GgufError> {
        let kind = self.u32()?;
        self.value_of(kind)
    }

    fn value_of(&mut self, kind: u32) -> Result<Value, GgufError> {
        let integer = |value: u64| Value::Integer { value, is_u32: false };
        Ok(match kind {
            0 => integer(u8::from_le_bytes(self.array()?).into()),
            2 => integer(u16::from_le_bytes(self.array()?).into()),
            4 => Value::Integer { value: self.u32()?.into(), is_u32: true },
            10 => integer(self.u64()?),
            1 => signed(i8::from_le_bytes(self.array()?).into()),
            3 => signed(i16::from_le_bytes(self.array()?).into()),
            5 => signed(i32::from_le_bytes(self.array()?).into()),
            11 => signed(i64::from_le_bytes(self.array()?)),
            6 => Value::Float(f32::from_le_bytes(self.array()?)),
            8 => Value::Text(self.text("a text", TEXT_MAX_BYTES)?),
            9 => self.list()?,
            kind => {
                self.skip(fixed_size(kind)?)?;
                Value::Other
            }
        })
    }

    /// llama.cpp knows no lists of lists.
    fn list(&mut self) -> Result<Value, GgufError> {
        let kind = self.u32()?;
        if kind == 9 {
            return Err(damaged("it holds a list of lists"));
        }
        let length = self.u64()?;
        // Every element takes at least one byte (a text takes eight), which bounds the loop below by the file's size.
        if length > self.left() {
            return Err(self.truncated());
        }
        if length > ELEMENTS_MAX {
            return Err(damaged(format!("a list claims {length} elements")));
        }
        let mut integers = Vec::new();
        match kind {
            8 => {
                for _ in 0..length {
                    let text = self.length("a text", TEXT_MAX_BYTES)?;
                    self.skip(text)?;
                }
            }
            0..=5 | 7 | 10 | 11 if length <= LAYERS_MAX => {
                // Yes and no are one byte.
                let kind = if kind == 7 { 0 } else { kind };
                for _ in 0..length {
                    match self.value_of(kind)? {
                        Value::Integer { value, .. } => integers.push(value),
                        _ => integers.push(0),
                    }
                }
            }
            _ => self.skip(fixed_size(kind)?.saturating_mul(length))?,
        }
        Ok(Value::List { length, integers })
    }
}

fn signed(value: i64) -> Value {
    u64::try_from(value).map_or(Value::Other, |value| Value::Integer { value, is_u32: false })
}

/// Bytes of a value whose size does not depend on its content.
fn fixed_size(kind: u32) -> Result<u64, GgufError> {
    match kind {
        0 | 1 | 7 => Ok(1),
        2 | 3 => Ok(2),
        4..=6 => Ok(4),
        10..=12 => Ok(8),
        _ => Err(damaged(format!("it holds a value of the unknown type {kind}"))),
    }
}
