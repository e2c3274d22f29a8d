//! Reads the header of a GGUF file and nothing else: enough to list a model, and to refuse what is not one before C++
//! code meets it. Every length in the file is checked before it is believed, and whatever llama.cpp would stumble over
//! that can be seen from here.
//!
//! The catalog calls it for every file, and the pool once more before a worker is started.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek};
use std::path::Path;

pub use parts::parts;
use reader::{Reader, Value};
pub use tensors::{Tensor, TensorType, tensor_type};

mod parts;
mod reader;
mod shape;
mod tensors;

/// Most metadata entries: real models have fewer than a hundred.
const ENTRIES_MAX: u64 = 10_000;
/// Most tensors: the largest models have a few thousand.
const TENSORS_MAX: u64 = 100_000;
/// Where the file does not say: the tensors begin at a multiple of this.
const ALIGNMENT_BYTES: u64 = 32;
/// Larger than any page, and small enough to be added to anything.
const ALIGNMENT_MAX_BYTES: u64 = 1024 * 1024;
const ALIGNMENT: &str = "general.alignment";
/// How strong an adapter is: divided by its rank, what its product is multiplied by.
pub const ADAPTER_ALPHA: &str = "adapter.lora.alpha";

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
    /// A model in several files, one of which is not as it should be.
    #[error("{file}: {cause}")]
    Part {
        /// Its name.
        file: String,
        /// What is wrong with it.
        cause: Box<GgufError>,
    },
}

/// The header of a model file.
#[derive(Clone, Debug, PartialEq)]
pub struct Header {
    metadata: BTreeMap<String, Value>,
    tensors: Vec<Tensor>,
    size_bytes: u64,
}

impl Header {
    /// Reads and checks the header of a file.
    pub fn read(path: &Path) -> Result<Self, GgufError> {
        let file = File::open(path).map_err(GgufError::Io)?;
        let size_bytes = file.metadata().map_err(GgufError::Io)?.len();
        Self::parse(BufReader::new(file), size_bytes)
    }

    /// Reads and checks the headers of a model that may be in several files, and answers the first.
    pub fn read_all(path: &Path) -> Result<Self, GgufError> {
        let first = Self::read(path)?;
        for part in parts(path).iter().skip(1) {
            Self::read(part).map_err(|cause| GgufError::Part {
                file: part.file_name().unwrap_or_default().to_string_lossy().into_owned(),
                cause: Box::new(cause),
            })?;
        }
        Ok(first)
    }

    /// As [`Header::read`], from anything.
    pub fn parse(from: impl Read + Seek, size_bytes: u64) -> Result<Self, GgufError> {
        let mut reader = Reader::new(from, size_bytes);
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
            let key = reader.key()?;
            let value = reader.value()?;
            if metadata.contains_key(&key) {
                return Err(damaged(format!("it has two values of {key}")));
            }
            metadata.insert(key, value);
        }
        let mut header = Self { metadata, tensors: Vec::new(), size_bytes };
        header.tensors = tensors::read(&mut reader, tensors, header.alignment_bytes()?)?;
        shape::check(&header)?;
        Ok(header)
    }

    /// As llama.cpp wants it: a power of two in 32 bits.
    fn alignment_bytes(&self) -> Result<u64, GgufError> {
        match self.metadata.get(ALIGNMENT) {
            None => Ok(ALIGNMENT_BYTES),
            Some(Value::Integer { value, is_u32: true })
                if value.is_power_of_two() && *value <= ALIGNMENT_MAX_BYTES =>
            {
                Ok(*value)
            }
            Some(_) => Err(damaged(format!("{ALIGNMENT} is none"))),
        }
    }

    /// A whole number of the metadata.
    pub fn integer(&self, key: &str) -> Option<u64> {
        match self.metadata.get(key) {
            Some(Value::Integer { value, .. }) => Some(*value),
            _ => None,
        }
    }

    /// A 32-bit float of the metadata.
    pub fn float(&self, key: &str) -> Option<f32> {
        match self.metadata.get(key) {
            Some(Value::Float(value)) => Some(*value),
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

    /// Elements of a list of the metadata.
    pub fn length(&self, key: &str) -> Option<u64> {
        match self.metadata.get(key) {
            Some(Value::List { length, .. }) => Some(*length),
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

    /// The tensors in this file, in the order in which they lie there.
    pub fn tensors(&self) -> &[Tensor] {
        &self.tensors
    }

    /// Bytes of the weights in this file.
    pub fn weights_bytes(&self) -> u64 {
        match (self.tensors.first(), self.tensors.last()) {
            (Some(first), Some(last)) => last.at_bytes + last.size_bytes - first.at_bytes,
            _ => 0,
        }
    }

    /// Whether it holds what is added to a model, and no model.
    pub fn is_adapter(&self) -> bool {
        self.text("general.type") == Some("adapter")
    }

    /// Whether it can be applied to a model; else a sentence that says why.
    pub fn check_is_adapter(&self) -> Result<(), GgufError> {
        match self.text("adapter.type") {
            Some("lora") if self.is_adapter() && !self.tensors.is_empty() => {}
            _ => return Err(damaged("it holds no LoRA adapter")),
        }
        // llama.cpp ends the process over a number of another kind.
        match self.metadata.get(ADAPTER_ALPHA) {
            None | Some(Value::Float(_)) => Ok(()),
            Some(_) => Err(damaged(format!("{ADAPTER_ALPHA} is no 32-bit float"))),
        }
    }

    /// Whether it can answer, as far as the header tells; else a sentence that says why.
    pub fn check_is_model(&self) -> Result<(), GgufError> {
        // The first of several files may leave all weights to the others.
        let may_be_empty = self.integer("split.count").is_some_and(|count| count > 1);
        match self.architecture() {
            None => Err(damaged("it names no architecture")),
            Some("clip") => Err(damaged("it holds the eyes of a model, not the model")),
            Some(_) if self.tensors.is_empty() && !may_be_empty => Err(damaged("it holds no weights")),
            Some(_) => Ok(()),
        }
    }

    /// A whole number that belongs to the family of the model.
    pub fn of_architecture(&self, key: &str) -> Option<u64> {
        self.integer(&format!("{}.{key}", self.architecture()?))
    }

    /// As [`Header::of_architecture`], of one layer: the entry of a list, or a number that is that of all layers.
    pub fn of_layer(&self, key: &str, layer: usize) -> Option<u64> {
        let key = format!("{}.{key}", self.architecture()?);
        match self.metadata.get(&key) {
            Some(Value::List { integers, .. }) => integers.get(layer).copied(),
            _ => self.integer(&key),
        }
    }
}

fn damaged(what: impl Into<String>) -> GgufError {
    GgufError::Damaged { what: what.into() }
}

#[cfg(test)]
mod tests;
