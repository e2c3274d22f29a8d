//! Writes LoRA adapters for query weights: GGUF files with a pair of small matrices for each layer.

#![allow(dead_code, reason = "not every test needs all of it")]

use std::fs;
use std::ops::Range;
use std::path::Path;

/// What is added to each of the weights: `alpha / rank` times the product of `b` and `a`.
#[derive(Clone)]
pub struct Adapter {
    pub layers: Range<usize>,
    pub rank: usize,
    pub alpha: f32,
    /// A row for each rank, as wide as the weights.
    pub a: Vec<f32>,
    /// A column for each rank, as long as the weights.
    pub b: Vec<f32>,
    /// Whether the numbers are written with 16 bits.
    pub is_half: bool,
}

/// Where a tensor may begin.
const ALIGNMENT: usize = 32;
/// GGUF's numbers of kinds.
const STRING: u32 = 8;
const FLOAT: u32 = 6;
/// ggml's numbers of types.
const F32: u32 = 0;
const F16: u32 = 1;

impl Adapter {
    /// Where every number in the matrices is `value`: 0 changes nothing.
    pub fn constant(layers: usize, width: usize, value: f32) -> Self {
        let numbers = vec![value; 4 * width];
        Self { layers: 0..layers, rank: 4, alpha: 4.0, a: numbers.clone(), b: numbers, is_half: false }
    }

    pub fn write(&self, path: &Path) {
        let rank = self.rank as u64;
        let tensors: Vec<(String, [u64; 2], &[f32])> = (self.layers.clone())
            .flat_map(|layer| {
                let name = |half| format!("blk.{layer}.attn_q.weight.lora_{half}");
                let (a, b) = (self.a.as_slice(), self.b.as_slice());
                [(name("a"), [a.len() as u64 / rank, rank], a), (name("b"), [rank, b.len() as u64 / rank], b)]
            })
            .collect();
        let mut file = Vec::from(b"GGUF");
        file.extend(3_u32.to_le_bytes());
        file.extend((tensors.len() as u64).to_le_bytes());
        file.extend(4_u64.to_le_bytes());
        for (key, value) in
            [("general.type", "adapter"), ("general.architecture", "llama"), ("adapter.type", "lora")]
        {
            text(&mut file, key);
            file.extend(STRING.to_le_bytes());
            text(&mut file, value);
        }
        text(&mut file, "adapter.lora.alpha");
        file.extend(FLOAT.to_le_bytes());
        file.extend(self.alpha.to_le_bytes());
        let mut data = Vec::new();
        for (name, shape, numbers) in &tensors {
            text(&mut file, name);
            file.extend((shape.len() as u32).to_le_bytes());
            shape.iter().for_each(|size| file.extend(size.to_le_bytes()));
            file.extend((if self.is_half { F16 } else { F32 }).to_le_bytes());
            file.extend((data.len() as u64).to_le_bytes());
            self.put(numbers, &mut data);
            data.resize(data.len().next_multiple_of(ALIGNMENT), 0);
        }
        file.resize(file.len().next_multiple_of(ALIGNMENT), 0);
        file.extend(data);
        fs::write(path, file).unwrap();
    }

    fn put(&self, numbers: &[f32], data: &mut Vec<u8>) {
        for number in numbers {
            if self.is_half {
                data.extend(half::f16::from_f32(*number).to_le_bytes());
            } else {
                data.extend(number.to_le_bytes());
            }
        }
    }
}

/// So many numbers that look random, each a multiple of 1/512 up to 1/4 on both sides of 0: 16 bits tell them exactly.
pub fn numbers(count: usize, seed: u64) -> Vec<f32> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % 257
    };
    (0..count).map(|_| (next() as f32 - 128.0) / 512.0).collect()
}

fn text(file: &mut Vec<u8>, text: &str) {
    file.extend((text.len() as u64).to_le_bytes());
    file.extend(text.as_bytes());
}
