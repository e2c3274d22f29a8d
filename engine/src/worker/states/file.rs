//! The file of one state: the bytes as the decoder gave or wrote them, the head, and a fixed end. The head stands behind,
//! because a decoder that writes a file itself begins at its start.
//!
//! A decoder may end the process over bytes that it did not write. So nothing is handed to it before the whole file has
//! proven to be what was written, for just this model and these tokens.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};

use serde::{Deserialize, Serialize};

use super::{Identity, Label, State};

/// What such a file ends with.
const MAGIC: [u8; 8] = *b"ORIELSEQ";
/// Raised with every change of the format.
const VERSION: u32 = 2;
/// Length and checksum of the head, version, magic.
const END_BYTES: u64 = 20;
/// Longer heads are not ours: so many tokens fit no context.
const HEAD_MAX_BYTES: u32 = 16 * 1024 * 1024;
/// Bytes that are looked at in one go where a file is not read as a whole.
const PIECE_BYTES: usize = 1024 * 1024;

#[derive(Debug, Serialize, Deserialize)]
struct Head {
    identity: Identity,
    label: Label,
    form: Form,
    size_bytes: u64,
    checksum: u32,
}

#[derive(Serialize)]
struct HeadRef<'a> {
    identity: &'a Identity,
    label: &'a Label,
    form: Form,
    size_bytes: u64,
    checksum: u32,
}

/// Who has written the bytes of a state, and is to read them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Form {
    /// We: [`crate::decoder::Decoder::restore_state`] takes them.
    Bytes,
    /// The decoder: [`crate::decoder::Decoder::restore_state_file`] takes the file.
    Own,
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
    form: Form,
    size_bytes: u64,
    checksum: u32,
    file: R,
}

/// What a file holds that has been found good.
#[derive(Debug)]
pub(crate) enum Content {
    /// These bytes.
    Bytes(Vec<u8>),
    /// What the decoder reads itself.
    Own,
}

/// A state on its way into a file.
#[derive(Debug)]
pub(crate) struct Outgoing<'a> {
    ending: Vec<u8>,
    bytes: &'a [u8],
}

impl<'a> Outgoing<'a> {
    pub(crate) fn new(state: &'a State, identity: &Identity) -> Result<Self, FileError> {
        let head = HeadRef {
            identity,
            label: &state.label,
            form: Form::Bytes,
            size_bytes: state.bytes.len() as u64,
            checksum: crc32fast::hash(&state.bytes),
        };
        Ok(Self { ending: ending(&head)?, bytes: &state.bytes })
    }

    /// Of the whole file.
    pub(crate) fn size_bytes(&self) -> u64 {
        (self.bytes.len() + self.ending.len()) as u64
    }

    pub(crate) fn write(&self, mut to: impl Write) -> io::Result<()> {
        to.write_all(self.bytes)?;
        to.write_all(&self.ending)?;
        to.flush()
    }
}

/// Puts a head behind what a decoder has written.
pub(crate) fn seal(mut file: &File, label: &Label, identity: &Identity) -> Result<(), FileError> {
    let size_bytes = file.metadata()?.len();
    let checksum = checksum_of(&mut file, size_bytes)?;
    let head = HeadRef { identity, label, form: Form::Own, size_bytes, checksum };
    Ok(file.write_all(&ending(&head)?)?)
}

/// Reads the head of a file of `file_bytes`.
pub(crate) fn open<R: Read + Seek>(
    mut file: R,
    file_bytes: u64,
    identity: &Identity,
) -> Result<Opened<R>, FileError> {
    let end_at = file_bytes.checked_sub(END_BYTES).ok_or(FileError::Damaged)?;
    file.seek(SeekFrom::Start(end_at))?;
    let [length, head_checksum, version] = [read_u32(&mut file)?, read_u32(&mut file)?, read_u32(&mut file)?];
    let mut magic = [0; 8];
    file.read_exact(&mut magic)?;
    if magic != MAGIC || version != VERSION {
        return Err(FileError::Foreign);
    }
    if length > HEAD_MAX_BYTES {
        return Err(FileError::Damaged);
    }
    let head_at = end_at.checked_sub(length.into()).ok_or(FileError::Damaged)?;
    file.seek(SeekFrom::Start(head_at))?;
    let mut head = vec![0; length as usize];
    file.read_exact(&mut head)?;
    if crc32fast::hash(&head) != head_checksum {
        return Err(FileError::Damaged);
    }
    let head: Head = postcard::from_bytes(&head).map_err(|_malformed| FileError::Damaged)?;
    if head.size_bytes != head_at {
        return Err(FileError::Damaged);
    }
    if head.identity != *identity {
        return Err(FileError::OtherModel);
    }
    let Head { label, form, size_bytes, checksum, .. } = head;
    Ok(Opened { label, form, size_bytes, checksum, file })
}

impl<R: Read + Seek> Opened<R> {
    /// Compares the bytes with what was written.
    pub(crate) fn read(mut self) -> Result<Content, FileError> {
        self.file.seek(SeekFrom::Start(0))?;
        match self.form {
            Form::Bytes => {
                // Not more than the file has: that was compared.
                let mut bytes = Vec::with_capacity(self.size_bytes as usize);
                self.file.take(self.size_bytes).read_to_end(&mut bytes)?;
                let is_whole = bytes.len() as u64 == self.size_bytes;
                let is_good = is_whole && crc32fast::hash(&bytes) == self.checksum;
                if is_good { Ok(Content::Bytes(bytes)) } else { Err(FileError::Damaged) }
            }
            Form::Own if checksum_of(&mut self.file, self.size_bytes)? == self.checksum => Ok(Content::Own),
            Form::Own => Err(FileError::Damaged),
        }
    }
}

/// A head as it is written, with the end of the file.
fn ending(head: &HeadRef<'_>) -> Result<Vec<u8>, FileError> {
    let mut ending = postcard::to_stdvec(head).map_err(|_unwritable| FileError::TooLarge)?;
    let length = u32::try_from(ending.len()).ok().filter(|length| *length <= HEAD_MAX_BYTES);
    let length = length.ok_or(FileError::TooLarge)?;
    let checksum = crc32fast::hash(&ending);
    ending.extend([length, checksum, VERSION].iter().flat_map(|number| number.to_le_bytes()));
    ending.extend(MAGIC);
    Ok(ending)
}

/// Of the next `size_bytes`, without holding them all.
fn checksum_of(from: &mut impl Read, size_bytes: u64) -> io::Result<u32> {
    let mut hasher = crc32fast::Hasher::new();
    let mut piece = vec![0; PIECE_BYTES];
    let mut left = size_bytes;
    while left > 0 {
        let length = left.min(PIECE_BYTES as u64);
        let piece = piece.get_mut(..length as usize).unwrap_or_default();
        from.read_exact(piece)?;
        hasher.update(piece);
        left -= length;
    }
    Ok(hasher.finalize())
}

fn read_u32(from: &mut impl Read) -> io::Result<u32> {
    let mut bytes = [0; 4];
    from.read_exact(&mut bytes)?;
    Ok(u32::from_le_bytes(bytes))
}
