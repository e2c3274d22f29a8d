//! Reads the header of a GGUF file and nothing else: enough to list a model, and to refuse what is not one before C++
//! code meets it. Every length in the file is checked before it is believed.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek};
use std::path::Path;

/// Most metadata entries: real models have fewer than a hundred.
const ENTRIES_MAX: u64 = 10_000;
/// Most tensors: the largest models have a few thousand.
const TENSORS_MAX: u64 = 100_000;
/// Most bytes of a key or of a tensor's name: the format's own bound for keys.
const NAME_MAX_BYTES: u64 = 65_535;
/// Most bytes of a text value. Chat templates are the longest, with some tens of kilobytes.
const TEXT_MAX_BYTES: u64 = 4 * 1024 * 1024;
/// Most dimensions of a tensor, as in ggml.
const DIMENSIONS_MAX: u32 = 4;
/// Where the file does not say: the tensors begin at a multiple of this.
const ALIGNMENT_BYTES: u64 = 32;
/// Arrays within arrays: none are known in real files.
const NESTING_MAX: u32 = 4;

/// Why a file is not a usable model.
#[derive(Debug, thiserror::Error)]
pub enum GgufError {
    /// The file cannot be read.
    #[error("the file cannot be read: {0}")]
    Io(io::Error),
    /// It is something else.
    #[error("this is not a GGUF file; download the model in GGUF format")]
    NotGguf,
    /// It is of a version that nobody writes any more, or of a later one.
    #[error(
        "this is GGUF version {version}, and versions 2 and 3 can be read; download a newer file, or update Oriel"
    )]
    Version {
        /// As in the file.
        version: u32,
    },
    /// It was written for a machine of the other byte order.
    #[error("this GGUF file is for big-endian machines; download the little-endian one")]
    BigEndian,
    /// It ends too early.
    #[error("the file ends in the middle ({size_bytes} bytes); download it again")]
    Truncated {
        /// Its size.
        size_bytes: u64,
    },
    /// Something in it cannot be.
    #[error("the file is damaged: {what}; download it again")]
    Damaged {
        /// What.
        what: String,
    },
}

/// A value of the metadata. Arrays are skipped.
#[derive(Clone, Debug, PartialEq)]
enum Value {
    Integer(u64),
    Text(String),
    Other,
}

/// The header of a model file.
#[derive(Clone, Debug, PartialEq)]
pub struct Header {
    metadata: BTreeMap<String, Value>,
    tensors: u64,
    size_bytes: u64,
}

impl Header {
    /// Reads and checks the header of a file.
    pub fn read(path: &Path) -> Result<Self, GgufError> {
        let file = File::open(path).map_err(GgufError::Io)?;
        let size_bytes = file.metadata().map_err(GgufError::Io)?.len();
        Self::parse(BufReader::new(file), size_bytes)
    }

    /// As [`Header::read`], from anything.
    pub fn parse(from: impl Read + Seek, size_bytes: u64) -> Result<Self, GgufError> {
        let mut reader = Reader { from, size_bytes, position: 0 };
        if size_bytes < 4 || reader.array::<4>()? != *b"GGUF" {
            return Err(GgufError::NotGguf);
        }
        match reader.u32()? {
            2 | 3 => {}
            version if (2..=3).contains(&version.swap_bytes()) => return Err(GgufError::BigEndian),
            version => return Err(GgufError::Version { version }),
        }
        let tensors = reader.count("tensors", TENSORS_MAX)?;
        let entries = reader.count("metadata entries", ENTRIES_MAX)?;
        let mut metadata = BTreeMap::new();
        for _ in 0..entries {
            let key = reader.text("a key", NAME_MAX_BYTES)?;
            let kind = reader.u32()?;
            let value = reader.value(kind)?;
            metadata.insert(key, value);
        }
        let mut last_offset = 0;
        for _ in 0..tensors {
            last_offset = last_offset.max(reader.tensor_offset()?);
        }
        let header = Self { metadata, tensors, size_bytes };
        let alignment = header.integer("general.alignment").unwrap_or(ALIGNMENT_BYTES).max(1);
        let data_at = reader.position.checked_next_multiple_of(alignment);
        let last_at = data_at.and_then(|data_at| data_at.checked_add(last_offset));
        // A tensor that would begin at or behind the end of the file is not there.
        if tensors > 0 && last_at.is_none_or(|last_at| last_at >= size_bytes) {
            return Err(GgufError::Truncated { size_bytes });
        }
        Ok(header)
    }

    /// A whole number of the metadata.
    pub fn integer(&self, key: &str) -> Option<u64> {
        match self.metadata.get(key) {
            Some(Value::Integer(value)) => Some(*value),
            _ => None,
        }
    }

    /// A text of the metadata.
    pub fn text(&self, key: &str) -> Option<&str> {
        match self.metadata.get(key) {
            Some(Value::Text(value)) => Some(value),
            _ => None,
        }
    }

    /// The family of the model, such as `llama`.
    pub fn architecture(&self) -> Option<&str> {
        self.text("general.architecture")
    }

    /// Tokens that the model was trained to read.
    pub fn context_tokens(&self) -> Option<u32> {
        self.of_architecture("context_length").and_then(|tokens| u32::try_from(tokens).ok())
    }

    /// Whether the file says how its model wants to be spoken to.
    pub fn has_chat_template(&self) -> bool {
        self.text("tokenizer.chat_template").is_some()
    }

    /// Size of the file.
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// Whether it can answer, as far as the header tells; else a sentence that says why.
    pub fn check_is_model(&self) -> Result<(), GgufError> {
        let damaged = |what: &str| Err(GgufError::Damaged { what: what.to_owned() });
        match self.architecture() {
            None => damaged("it names no architecture"),
            Some("clip") => damaged("it holds the eyes of a model, not the model"),
            Some(_) if self.tensors == 0 => damaged("it holds no weights"),
            Some(_) => Ok(()),
        }
    }

    /// Bytes that one token of context takes in the cache, as 16-bit keys and values; none where the header does not
    /// tell. An upper estimate: models with sliding windows take less.
    pub fn cache_bytes_per_token(&self) -> Option<u64> {
        let layers = self.of_architecture("block_count")?;
        let heads = self.of_architecture("attention.head_count")?;
        let cache_heads = self.of_architecture("attention.head_count_kv").unwrap_or(heads);
        let width = self.of_architecture("embedding_length")?.checked_div(heads)?;
        let key = self.of_architecture("attention.key_length").unwrap_or(width);
        let value = self.of_architecture("attention.value_length").unwrap_or(width);
        let per_head = key.checked_add(value)?.checked_mul(2)?;
        layers.checked_mul(cache_heads)?.checked_mul(per_head)
    }

    fn of_architecture(&self, key: &str) -> Option<u64> {
        self.integer(&format!("{}.{key}", self.architecture()?))
    }
}

struct Reader<R> {
    from: R,
    size_bytes: u64,
    position: u64,
}

impl<R: Read + Seek> Reader<R> {
    fn left(&self) -> u64 {
        self.size_bytes.saturating_sub(self.position)
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), GgufError> {
        self.from.read_exact(bytes).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => GgufError::Truncated { size_bytes: self.size_bytes },
            _ => GgufError::Io(error),
        })?;
        self.position += bytes.len() as u64;
        Ok(())
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], GgufError> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    fn u32(&mut self) -> Result<u32, GgufError> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, GgufError> {
        self.array().map(u64::from_le_bytes)
    }

    fn count(&mut self, of: &str, most: u64) -> Result<u64, GgufError> {
        let count = self.u64()?;
        if count > most {
            return Err(GgufError::Damaged { what: format!("it claims {count} {of}") });
        }
        Ok(count)
    }

    /// A length that fits what is left of the file.
    fn length(&mut self, of: &str, most: u64) -> Result<u64, GgufError> {
        let length = self.u64()?;
        if length > most {
            return Err(GgufError::Damaged { what: format!("{of} claims {length} bytes") });
        }
        if length > self.left() {
            return Err(GgufError::Truncated { size_bytes: self.size_bytes });
        }
        Ok(length)
    }

    fn text(&mut self, of: &str, most: u64) -> Result<String, GgufError> {
        let length = self.length(of, most)?;
        let mut bytes = vec![0; length as usize];
        self.fill(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    fn skip(&mut self, bytes: u64) -> Result<(), GgufError> {
        let distance = i64::try_from(bytes).ok().filter(|_| bytes <= self.left());
        let Some(distance) = distance else {
            return Err(GgufError::Truncated { size_bytes: self.size_bytes });
        };
        self.from.seek_relative(distance).map_err(GgufError::Io)?;
        self.position += bytes;
        Ok(())
    }

    fn value(&mut self, kind: u32) -> Result<Value, GgufError> {
        Ok(match kind {
            0 => Value::Integer(u64::from(u8::from_le_bytes(self.array()?))),
            2 => Value::Integer(u64::from(u16::from_le_bytes(self.array()?))),
            4 => Value::Integer(u64::from(self.u32()?)),
            10 => Value::Integer(self.u64()?),
            1 => signed(i64::from(i8::from_le_bytes(self.array()?))),
            3 => signed(i64::from(i16::from_le_bytes(self.array()?))),
            5 => signed(i64::from(i32::from_le_bytes(self.array()?))),
            11 => signed(i64::from_le_bytes(self.array()?)),
            8 => Value::Text(self.text("a text", TEXT_MAX_BYTES)?),
            9 => {
                self.skip_array(NESTING_MAX)?;
                Value::Other
            }
            _ => {
                self.skip(fixed_size(kind)?)?;
                Value::Other
            }
        })
    }

    fn skip_array(&mut self, nesting_left: u32) -> Result<(), GgufError> {
        let kind = self.u32()?;
        let length = self.u64()?;
        // Every element takes at least one byte (a text takes eight), which bounds the loops below by the file's size.
        if length > self.left() {
            return Err(GgufError::Truncated { size_bytes: self.size_bytes });
        }
        match kind {
            8 => {
                for _ in 0..length {
                    let text = self.length("a text", TEXT_MAX_BYTES)?;
                    self.skip(text)?;
                }
                Ok(())
            }
            9 if nesting_left == 0 => {
                Err(GgufError::Damaged { what: "its arrays are nested too deep".to_owned() })
            }
            9 => {
                for _ in 0..length {
                    self.skip_array(nesting_left - 1)?;
                }
                Ok(())
            }
            _ => self.skip(fixed_size(kind)?.saturating_mul(length)),
        }
    }

    fn tensor_offset(&mut self) -> Result<u64, GgufError> {
        let name = self.length("a tensor's name", NAME_MAX_BYTES)?;
        self.skip(name)?;
        let dimensions = self.u32()?;
        if dimensions > DIMENSIONS_MAX {
            return Err(GgufError::Damaged { what: format!("a tensor claims {dimensions} dimensions") });
        }
        self.skip(u64::from(dimensions) * 8 + 4)?;
        self.u64()
    }
}

fn signed(value: i64) -> Value {
    u64::try_from(value).map_or(Value::Other, Value::Integer)
}

/// Bytes of a value whose size does not depend on its content.
fn fixed_size(kind: u32) -> Result<u64, GgufError> {
    match kind {
        0 | 1 | 7 => Ok(1),
        2 | 3 => Ok(2),
        4..=6 => Ok(4),
        10..=12 => Ok(8),
        _ => Err(GgufError::Damaged { what: format!("it holds a value of the unknown type {kind}") }),
    }
}

#[cfg(test)]
mod tests;
