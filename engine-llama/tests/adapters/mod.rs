//! Writes LoRA adapters: GGUF files with a pair of small matrices for each weight that they change.

use std::fs;
use std::path::Path;

/// An adapter for the query weights of every layer.
#[derive(Clone, Copy)]
pub struct Adapter {
    pub layers: u64,
    /// Columns of the weights, and rows.
    pub width: u64,
    /// Of every number in the matrices: 0 changes nothing.
    pub value: f32,
}

const RANK: u64 = 4;
/// Where a tensor may begin.
const ALIGNMENT: usize = 32;
/// GGUF's numbers of kinds.
const STRING: u32 = 8;
const FLOAT: u32 = 6;
const F32_TENSOR: u32 = 0;

impl Adapter {
    pub fn write(self, path: &Path) {
        let tensors: Vec<(String, [u64; 2])> = (0..self.layers)
            .flat_map(|layer| {
                let name = format!("blk.{layer}.attn_q.weight.lora_");
                [(format!("{name}a"), [self.width, RANK]), (format!("{name}b"), [RANK, self.width])]
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
        file.extend((RANK as f32).to_le_bytes());
        let size_bytes = self.width * RANK * 4;
        for (index, (name, shape)) in tensors.iter().enumerate() {
            text(&mut file, name);
            file.extend((shape.len() as u32).to_le_bytes());
            shape.iter().for_each(|size| file.extend(size.to_le_bytes()));
            file.extend(F32_TENSOR.to_le_bytes());
            file.extend((index as u64 * size_bytes).to_le_bytes());
        }
        file.resize(file.len().next_multiple_of(ALIGNMENT), 0);
        for _ in 0..tensors.len() as u64 * size_bytes / 4 {
            file.extend(self.value.to_le_bytes());
        }
        fs::write(path, file).unwrap();
    }
}

fn text(file: &mut Vec<u8>, text: &str) {
    file.extend((text.len() as u64).to_le_bytes());
    file.extend(text.as_bytes());
}
