//! Chunks put together to the text of an answer: the one way in which a snapshot, the end of a generation and
//! its recovery get their text.

use shared::ChunkKind;

use crate::Chunk;

/// An answer as far as it has been written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Assembled {
    /// The answer.
    pub text: String,
    /// The reasoning.
    pub reasoning: String,
    /// The arguments of tool calls.
    pub tool: String,
    /// All tokens, in order.
    pub tokens: Vec<i32>,
    /// The last chunk; 0 where there is none.
    pub seq: u32,
    /// Who wrote the last chunk; 0 where there is none.
    pub epoch: u32,
    /// The last chunk has text and no tokens: it is what the end of the answer has left of one. Nothing can follow, even
    /// where the end itself was not recorded.
    pub is_cut: bool,
}

impl Assembled {
    /// Appends a chunk, and tells whether it was the next one.
    fn append(&mut self, chunk: &Chunk) -> bool {
        let text = match chunk.kind {
            ChunkKind::Text => &mut self.text,
            ChunkKind::Reasoning => &mut self.reasoning,
            ChunkKind::Tool => &mut self.tool,
        };
        if chunk.seq != self.seq + 1 || chunk.byte_offset as usize != text.len() {
            return false;
        }
        text.push_str(&chunk.body);
        self.tokens.extend_from_slice(&chunk.tokens);
        self.seq = chunk.seq;
        self.epoch = chunk.epoch;
        self.is_cut = chunk.tokens.is_empty() && !chunk.body.is_empty();
        true
    }

    /// Puts chunks together that are sorted by `seq`. Chunks are published in order and only after they were
    /// committed, so a gap cannot be; if one is there all the same, what stands before it is kept.
    pub fn from_chunks(chunks: &[Chunk]) -> Self {
        let mut assembled = Self::default();
        for chunk in chunks {
            if !assembled.append(chunk) {
                tracing::error!(
                    after = assembled.seq,
                    seq = chunk.seq,
                    byte_offset = chunk.byte_offset,
                    "a journal has a gap: the text behind it is lost"
                );
                break;
            }
        }
        assembled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(seq: u32, byte_offset: u32, kind: ChunkKind, body: &str) -> Chunk {
        Chunk { seq, epoch: 1, byte_offset, kind, body: body.to_owned(), tokens: vec![seq as i32] }
    }

    #[test]
    fn each_kind_of_text_has_its_own_offsets() {
        let assembled = Assembled::from_chunks(&[
            chunk(1, 0, ChunkKind::Reasoning, "hm"),
            chunk(2, 0, ChunkKind::Text, "Grüß"),
            chunk(3, 2, ChunkKind::Reasoning, "m"),
            chunk(4, 6, ChunkKind::Text, " Gott"),
        ]);
        assert_eq!((assembled.text.as_str(), assembled.reasoning.as_str()), ("Grüß Gott", "hmm"));
        assert_eq!((assembled.seq, assembled.tokens), (4, vec![1, 2, 3, 4]));
    }

    #[test]
    fn what_stands_before_a_gap_is_kept() {
        let assembled = Assembled::from_chunks(&[
            chunk(1, 0, ChunkKind::Text, "one"),
            chunk(3, 3, ChunkKind::Text, "three"),
        ]);
        assert_eq!((assembled.text.as_str(), assembled.seq), ("one", 1));
        let assembled = Assembled::from_chunks(&[
            chunk(1, 0, ChunkKind::Text, "one"),
            chunk(2, 2, ChunkKind::Text, "two"),
        ]);
        assert_eq!((assembled.text.as_str(), assembled.seq), ("one", 1));
    }
}
