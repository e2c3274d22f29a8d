//! The numbers of an adapter's matrices, in the types that adapters are converted to.

use half::{bf16, f16};

/// ggml's numbers of types.
const F32: u32 = 0;
const F16: u32 = 1;
const Q8_0: u32 = 8;
const BF16: u32 = 30;
/// Of [`Q8_0`]: a scale in 16 bits, and that many numbers in 8.
const BLOCK_BYTES: usize = 2 + 32;

/// Whether [`read`] knows the type.
pub fn can_be_read(kind: u32) -> bool {
    [F32, F16, Q8_0, BF16].contains(&kind)
}

/// All numbers; none where the type is unknown.
pub fn read(kind: u32, bytes: &[u8]) -> Vec<f32> {
    let (fours, _) = bytes.as_chunks();
    let (twos, _) = bytes.as_chunks();
    match kind {
        F32 => fours.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect(),
        F16 => twos.iter().map(|bytes| f16::from_le_bytes(*bytes).to_f32()).collect(),
        BF16 => twos.iter().map(|bytes| bf16::from_le_bytes(*bytes).to_f32()).collect(),
        Q8_0 => {
            let (blocks, _) = bytes.as_chunks::<BLOCK_BYTES>();
            blocks.iter().flat_map(of_block).collect()
        }
        _ => Vec::new(),
    }
}

fn of_block([low, high, numbers @ ..]: &[u8; BLOCK_BYTES]) -> impl Iterator<Item = f32> {
    let scale = f16::from_le_bytes([*low, *high]).to_f32();
    numbers.iter().map(move |number| f32::from(number.cast_signed()) * scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_from_every_type() {
        let expected = [1.0, -0.5];
        let bytes: Vec<u8> = expected.iter().flat_map(|number: &f32| number.to_le_bytes()).collect();
        assert_eq!(read(F32, &bytes), expected);
        let bytes: Vec<u8> =
            expected.iter().flat_map(|number| f16::from_f32(*number).to_le_bytes()).collect();
        assert_eq!(read(F16, &bytes), expected);
        let bytes: Vec<u8> =
            expected.iter().flat_map(|number| bf16::from_f32(*number).to_le_bytes()).collect();
        assert_eq!(read(BF16, &bytes), expected);
        let mut block = [0; BLOCK_BYTES];
        block[..2].copy_from_slice(&f16::from_f32(0.5).to_le_bytes());
        block[2..4].copy_from_slice(&[2, 255]);
        assert_eq!(read(Q8_0, &block)[..2], expected);
        assert_eq!(read(Q8_0, &block).len(), 32);
        assert!(!can_be_read(2) && read(2, &block).is_empty());
    }
}
