//! The chunked transfer coding (RFC 9112, 7.1), cut anywhere.

use crate::failure::Failure;

/// Takes a body apart.
#[derive(Debug, Default)]
pub struct Dechunker {
    /// Bytes that are left of the chunk.
    left: u64,
    /// The line that says how long the next chunk is, or the one after a chunk, as far as it has come.
    line: Vec<u8>,
}

impl Dechunker {
    /// Adds what `bytes` bring of the body to `body`.
    pub fn take(&mut self, mut bytes: &[u8], body: &mut Vec<u8>) -> Result<(), Failure> {
        while let Some((first, rest)) = bytes.split_first() {
            if self.left > 0 {
                let length = bytes.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
                let (chunk, rest) = bytes.split_at(length);
                body.extend_from_slice(chunk);
                self.left -= chunk.len() as u64;
                bytes = rest;
                continue;
            }
            bytes = rest;
            match first {
                b'\r' => {}
                // The line between two chunks is empty.
                b'\n' if self.line.is_empty() => {}
                b'\n' => {
                    let line = String::from_utf8_lossy(&self.line);
                    let size = line.split(';').next().unwrap_or_default();
                    let size = u64::from_str_radix(size.trim(), 16);
                    self.left = size.map_err(|_no_number| Failure::Broken("is not chunked"))?;
                    self.line.clear();
                }
                byte => self.line.push(*byte),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_the_same_wherever_it_is_cut() {
        let coded = b"5\r\nhello\r\n1a;x=y\r\nabcdefghijklmnopqrstuvwxyz\r\n2\r\n\r\n\r\n";
        for cut in 0..coded.len() {
            let (head, tail) = coded.split_at(cut);
            let (mut dechunker, mut body) = (Dechunker::default(), Vec::new());
            dechunker.take(head, &mut body).unwrap();
            dechunker.take(tail, &mut body).unwrap();
            assert_eq!(body, b"helloabcdefghijklmnopqrstuvwxyz\r\n", "cut at {cut}");
        }
    }

    #[test]
    fn what_is_not_chunked_is_refused() {
        assert!(Dechunker::default().take(b"data: hello\n", &mut Vec::new()).is_err());
    }
}
