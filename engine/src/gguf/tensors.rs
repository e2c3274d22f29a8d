//! The table of tensors: what each is made of, and that all of it is in the file.

use std::collections::HashSet;
use std::io::{Read, Seek};

use super::reader::Reader;
use super::{GgufError, damaged};

/// Most dimensions of a tensor, as in ggml.
const DIMENSIONS_MAX: usize = 4;
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

/// An entry of the table, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tensor {
    /// No other one in the file has it.
    pub name: String,
    /// Lengths of its dimensions, the one whose elements lie beside each other first; 1 for those that it has not.
    pub shape: [u64; DIMENSIONS_MAX],
    /// ggml's number of its type, which [`tensor_type`] knows.
    pub kind: u32,
    /// Where it begins in the file.
    pub at_bytes: u64,
    /// How much it takes there; at least one byte.
    pub size_bytes: u64,
}

impl Tensor {
    /// How many numbers it holds.
    pub fn elements(&self) -> u64 {
        // Checked when it was read.
        self.shape.iter().product()
    }
}

/// Reads `count` entries of the table. Tensors lie one behind the other in its order, each at the next multiple of
/// `alignment_bytes`.
pub(super) fn read<R: Read + Seek>(
    reader: &mut Reader<R>,
    count: u64,
    alignment_bytes: u64,
) -> Result<Vec<Tensor>, GgufError> {
    let mut names = HashSet::new();
    let mut tensors: Vec<Tensor> = Vec::new();
    let mut next = 0_u64;
    let mut end = 0_u64;
    let too_large = || damaged("its tensors are larger than any file");
    for _ in 0..count {
        let name = reader.text("a tensor's name", NAME_MAX_BYTES)?;
        let (shape, kind, size_bytes) = content(reader, &name)?;
        let offset = reader.u64()?;
        if offset != next {
            return Err(damaged(format!("tensor {name} is at {offset} and should be at {next}")));
        }
        end = offset.checked_add(size_bytes).ok_or_else(too_large)?;
        next = end.checked_next_multiple_of(alignment_bytes).ok_or_else(too_large)?;
        if name.contains('\0') || !names.insert(name.clone()) {
            return Err(damaged("two tensors have one name"));
        }
        tensors.push(Tensor { name, shape, kind, at_bytes: offset, size_bytes });
    }
    let data_at = reader.position().checked_next_multiple_of(alignment_bytes).ok_or_else(too_large)?;
    let file_end = data_at.checked_add(end).ok_or_else(too_large)?;
    if count > 0 && file_end > reader.size_bytes() {
        return Err(reader.truncated());
    }
    // The table counts from where the data begin.
    tensors.iter_mut().for_each(|tensor| tensor.at_bytes += data_at);
    Ok(tensors)
}

/// Shape, type and size of the tensor called `name`, which come next.
fn content<R: Read + Seek>(
    reader: &mut Reader<R>,
    name: &str,
) -> Result<([u64; DIMENSIONS_MAX], u32, u64), GgufError> {
    let dimensions = reader.u32()?;
    let mut shape = [1; DIMENSIONS_MAX];
    let Some(lengths) = shape.get_mut(..dimensions as usize) else {
        return Err(damaged(format!("tensor {name} claims {dimensions} dimensions")));
    };
    for length in lengths {
        *length = reader.u64()?;
    }
    let [row, ..] = shape;
    let elements = shape.iter().try_fold(1_u64, |elements, length| elements.checked_mul(*length));
    let elements = elements.filter(|elements| (1..=i64::MAX.unsigned_abs()).contains(elements));
    let kind = reader.u32()?;
    let packing =
        tensor_type(kind).ok_or_else(|| damaged(format!("tensor {name} is of the unknown type {kind}")))?;
    let blocks = elements
        .filter(|_| row % packing.block_elements == 0)
        .map(|elements| elements / packing.block_elements);
    let size_bytes = blocks.and_then(|blocks| blocks.checked_mul(packing.block_bytes));
    let size_bytes = size_bytes.ok_or_else(|| damaged(format!("tensor {name} has an impossible shape")))?;
    Ok((shape, kind, size_bytes))
}
