//! The file of one state: a fixed start, the head, and the bytes as the decoder gave them.
//!
//! A decoder may end the process over bytes that it did not write. So nothing is handed to it before the whole file has
//! proven to be what was written, for just this model and these tokens.

use std::io::{self, Read, Write};

use serde::{Deserialize, Serialize};

use super::{Identity, Label, State};

/// What such a file begins with.
const MAGIC: [u8; 8] = *b"ORIELSEQ";
/// Raised with every change of the format.
const VERSION: u32 = 1;
/// Magic, version, length and checksum of the head.
const START_BYTES: u64 = 20;
/// Longer heads are not ours: so many tokens fit no context.
const HEAD_MAX_BYTES: u32 = 16 * 1024 * 1024;

#[derive(Debug, Serialize, Deserialize)]
struct Head {
    identity: Identity,
    label: Label,
    size_bytes: u64,
    checksum: u32,
}

#[derive(Serialize)]
struct HeadRef<'a> {
    identity: &'a Identity,
    label: &'a Label,
    size_bytes: u64,
    checksum: u32,
}

/// Why a file is of no use; for the log.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("it is not one of this version")]
    Foreign,
    #[error("it belongs to another model, or to the same one loaded otherwise")]
    OtherModel,
    #[error("it holds other tokens than its name says")]
    OtherTokens,
    #[error("it is damaged")]
    Damaged,
    #[error("it is larger than all that may be kept")]
    TooLarge,
}

/// A file whose head has been read and found good.
#[derive(Debug)]
pub(crate) struct Opened<R> {
    pub(crate) label: Label,
    size_bytes: u64,
    checksum: u32,
    rest: R,
}

/// A state on its way into a file.
#[derive(Debug)]
pub(crate) struct Outgoing<'a> {
    head: Vec<u8>,
    bytes: &'a [u8],
}

impl<'a> Outgoing<'a> {
    pub(crate) fn new(state: &'a State, identity: &Identity) -> Result<Self, FileError> {
        let head = HeadRef {
            identity,
            label: &state.label,
            size_bytes: state.bytes.len() as u64,
            checksum: crc32fast::hash(&state.bytes),
        };
        let head = postcard::to_stdvec(&head).map_err(|_unwritable| FileError::TooLarge)?;
        if head.len() > HEAD_MAX_BYTES as usize {
            return Err(FileError::TooLarge);
        }
        Ok(Self { head, bytes: &state.bytes })
    }

    /// Of the whole file.
    pub(crate) fn size_bytes(&self) -> u64 {
        START_BYTES + (self.head.len() + self.bytes.len()) as u64
    }

    pub(crate) fn write(&self, mut to: impl Write) -> io::Result<()> {
        to.write_all(&MAGIC)?;
        to.write_all(&VERSION.to_le_bytes())?;
        to.write_all(&(self.head.len() as u32).to_le_bytes())?;
        to.write_all(&crc32fast::hash(&self.head).to_le_bytes())?;
        to.write_all(&self.head)?;
        to.write_all(self.bytes)?;
        to.flush()
    }
}

/// Reads the head of a file of `file_bytes`.
pub(crate) fn open<R: Read>(
    mut from: R,
    file_bytes: u64,
    identity: &Identity,
) -> Result<Opened<R>, FileError> {
    let [version, length, head_checksum] = {
        let mut magic = [0; 8];
        from.read_exact(&mut magic)?;
        if magic != MAGIC {
            return Err(FileError::Foreign);
        }
        [read_u32(&mut from)?, read_u32(&mut from)?, read_u32(&mut from)?]
    };
    if version != VERSION {
        return Err(FileError::Foreign);
    }
    if length > HEAD_MAX_BYTES || START_BYTES + u64::from(length) > file_bytes {
        return Err(FileError::Damaged);
    }
    let mut head = vec![0; length as usize];
    from.read_exact(&mut head)?;
    if crc32fast::hash(&head) != head_checksum {
        return Err(FileError::Damaged);
    }
    let head: Head = postcard::from_bytes(&head).map_err(|_malformed| FileError::Damaged)?;
    if START_BYTES + u64::from(length) + head.size_bytes != file_bytes {
        return Err(FileError::Damaged);
    }
    if head.identity != *identity {
        return Err(FileError::OtherModel);
    }
    Ok(Opened { label: head.label, size_bytes: head.size_bytes, checksum: head.checksum, rest: from })
}

impl<R: Read> Opened<R> {
    /// The state's bytes, as they were written.
    pub(crate) fn read(mut self) -> Result<Vec<u8>, FileError> {
        // Not more than the file has: that was compared.
        let mut bytes = Vec::with_capacity(self.size_bytes as usize);
        self.rest.read_to_end(&mut bytes)?;
        let is_whole = bytes.len() as u64 == self.size_bytes && crc32fast::hash(&bytes) == self.checksum;
        if is_whole { Ok(bytes) } else { Err(FileError::Damaged) }
    }
}

fn read_u32(from: &mut impl Read) -> io::Result<u32> {
    let mut bytes = [0; 4];
    from.read_exact(&mut bytes)?;
    Ok(u32::from_le_bytes(bytes))
}
