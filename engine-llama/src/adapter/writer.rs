//! Writes an adapter as a GGUF file: what llama.cpp asks for and nothing else.

use std::io::{self, BufWriter, Write};

/// Where a tensor may begin, since the file does not say otherwise.
const ALIGNMENT_BYTES: usize = 32;
/// GGUF's number of a text.
const TEXT: u32 = 8;
/// ggml's number of 32-bit floats, and what one takes.
const F32: u32 = 0;
const F32_BYTES: u64 = 4;

/// A file whose tensors are still to come.
pub struct Writer<W: Write> {
    to: BufWriter<W>,
    /// Of what has been written.
    bytes: u64,
}

impl<W: Write> Writer<W> {
    /// Writes what comes before the tensors, which are called and shaped so.
    ///
    /// # Errors
    /// What `to` fails with; so do the others.
    pub fn begin(to: W, architecture: &str, tensors: &[(String, [u64; 4])]) -> io::Result<Self> {
        let mut writer = Self { to: BufWriter::new(to), bytes: 0 };
        let texts =
            [("general.type", "adapter"), ("general.architecture", architecture), ("adapter.type", "lora")];
        writer.write(b"GGUF")?;
        writer.write(&3_u32.to_le_bytes())?;
        writer.write(&(tensors.len() as u64).to_le_bytes())?;
        writer.write(&(texts.len() as u64).to_le_bytes())?;
        for (key, value) in texts {
            writer.text(key)?;
            writer.write(&TEXT.to_le_bytes())?;
            writer.text(value)?;
        }
        let mut at_bytes = 0_u64;
        for (name, shape) in tensors {
            writer.text(name)?;
            writer.write(&(shape.len() as u32).to_le_bytes())?;
            for length in shape {
                writer.write(&length.to_le_bytes())?;
            }
            writer.write(&F32.to_le_bytes())?;
            writer.write(&at_bytes.to_le_bytes())?;
            let size_bytes = shape.iter().product::<u64>() * F32_BYTES;
            at_bytes += size_bytes.next_multiple_of(ALIGNMENT_BYTES as u64);
        }
        writer.align()?;
        Ok(writer)
    }

    /// Writes the next tensor.
    pub fn tensor(&mut self, numbers: impl Iterator<Item = f32>) -> io::Result<()> {
        for number in numbers {
            self.write(&number.to_le_bytes())?;
        }
        self.align()
    }

    /// Writes what is still held back.
    pub fn end(mut self) -> io::Result<()> {
        self.to.flush()
    }

    fn text(&mut self, text: &str) -> io::Result<()> {
        self.write(&(text.len() as u64).to_le_bytes())?;
        self.write(text.as_bytes())
    }

    fn align(&mut self) -> io::Result<()> {
        let missing = self.bytes.next_multiple_of(ALIGNMENT_BYTES as u64) - self.bytes;
        let zeros = [0; ALIGNMENT_BYTES];
        self.write(zeros.get(..missing as usize).unwrap_or_default())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.bytes += bytes.len() as u64;
        self.to.write_all(bytes)
    }
}
