//! The table of tensors: what each is made of, and that all of it is in the file.

use std::collections::HashSet;
use std::io::{Read, Seek};

use super::reader::Reader;
use super::{GgufError, damaged};

/// Most dimensions of a tensor, as in ggml.
const DIMENSIONS_MAX: u32 = 4;
/// Most bytes of a tensor's name: ggml keeps 64, with a NUL.
const NAME_MAX_BYTES: u64 = 63;

/// How numbers are packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TensorType {
    /// Numbers that are packed together; a row has a multiple of it.
    pub block_elements: u64,
    /// Bytes that they take.
    pub block_bytes: u64,
}

/// The types of ggml by their number in a file; none where it has none.
pub fn tensor_type(kind: u32) -> Option<TensorType> {
    let (block_elements, block_bytes) = match kind {
        24 => (1, 1),
        1 | 25 | 30 => (1, 2),
        0 | 26 => (1, 4),
        27 | 28 => (1, 8),
        2 | 20 => (32, 18),
        3 => (32, 20),
        6 => (32, 22),
        7 => (32, 24),
        8 => (32, 34),
        9 => (32, 36),
        39 => (32, 17),
        40 => (64, 36),
        42 => (64, 18),
        41 => (128, 18),
        10 => (256, 84),
        11 | 21 => (256, 110),
        12 => (256, 144),
        13 => (256, 176),
        14 => (256, 210),
        15 => (256, 292),
        16 | 35 => (256, 66),
        17 => (256, 74),
        18 => (256, 98),
        19 => (256, 50),
        22 => (256, 82),
        23 => (256, 136),
        29 => (256, 56),
        34 => (256, 54),
        _ => return None,
    };
    Some(TensorType { block_elements, block_bytes })
}

/// Reads `count` entries of the table. Tensors lie one behind the other in its order, each at the next multiple of
/// `alignment_bytes`. Answers how many bytes they take together.
pub(super) fn check<R: Read + Seek>(
    reader: &mut Reader<R>,
    count: u64,
    alignment_bytes: u64,
) -> Result<u64, GgufError> {
    let mut names = HashSet::new();
    let mut next = 0_u64;
    let mut end = 0_u64;
    let too_large = || damaged("its tensors are larger than any file");
    for _ in 0..count {
        let name = reader.text("a tensor's name", NAME_MAX_BYTES)?;
        let size_bytes = size_bytes(reader, &name)?;
        let offset = reader.u64()?;
        if offset != next {
            return Err(damaged(format!("tensor {name} is at {offset} and should be at {next}")));
        }
        end = offset.checked_add(size_bytes).ok_or_else(too_large)?;
        next = end.checked_next_multiple_of(alignment_bytes).ok_or_else(too_large)?;
        if name.contains('\0') || !names.insert(name) {
            return Err(damaged("two tensors have one name"));
        }
    }
    let data_at = reader.position().checked_next_multiple_of(alignment_bytes).ok_or_else(too_large)?;
    let file_end = data_at.checked_add(end).ok_or_else(too_large)?;
    if count > 0 && file_end > reader.size_bytes() { Err(reader.truncated()) } else { Ok(end) }
}

/// Of the tensor whose dimensions and type come next.
fn size_bytes<R: Read + Seek>(reader: &mut Reader<R>, name: &str) -> Result<u64, GgufError> {
    let dimensions = reader.u32()?;
    if dimensions > DIMENSIONS_MAX {
        return Err(damaged(format!("tensor {name} claims {dimensions} dimensions")));
    }
    let mut row = 1;
    let mut elements = Some(1_u64);
    for dimension in 0..dimensions {
        let length = reader.u64()?;
        if dimension == 0 {
            row = length;
        }
        elements = elements.and_then(|elements| elements.checked_mul(length));
    }
    let elements = elements.filter(|elements| (1..=i64::MAX.unsigned_abs()).contains(elements));
    let kind = reader.u32()?;
    let packing =
        tensor_type(kind).ok_or_else(|| damaged(format!("tensor {name} is of the unknown type {kind}")))?;
    let blocks = elements
        .filter(|_| row % packing.block_elements == 0)
        .map(|elements| elements / packing.block_elements);
    blocks
        .and_then(|blocks| blocks.checked_mul(packing.block_bytes))
        .ok_or_else(|| damaged(format!("tensor {name} has an impossible shape")))
}
