//! The text of one answer on its way into the journal. Pure: no clock, no I/O.
//!
//! ```text
//! push ──→ open pieces ──seal──→ sealed chunks ──committed──→ readers
//!                                   ↑      │
//!                                   └──────┘ a failed write offers the same chunks again
//! ```
//!
//! The runner pushes, the flusher seals and commits. A chunk has exactly the tokens whose bytes it is; text without
//! tokens, which only the end of an answer leaves, is a chunk of its own: whoever finds one at the end of a journal
//! knows that nothing can follow. Sealed chunks never change: a write whose answer was lost
//! can be repeated, because the same `seq` always has the same bytes.

use shared::ChunkKind;
use store::Assembled;

/// Open text that is worth a transaction of its own: one page of PostgreSQL is twice this.
pub const FLUSH_BYTES: usize = 4 * 1024;
/// Text that one answer may hold while the database is away: more than any model writes in the minute in which
/// readers see a pause and no error.
pub const HOLD_BYTES: usize = 256 * 1024;

/// A piece of an answer as the journal keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Counts the chunks of a generation, from 1.
    pub seq: u32,
    /// Bytes of text of this kind before the chunk.
    pub byte_offset: u32,
    /// Which text it belongs to.
    pub kind: ChunkKind,
    /// The text.
    pub text: String,
    /// The tokens whose bytes are the text.
    pub tokens: Vec<i32>,
}

/// How soon what was pushed must be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// With the next batch.
    Soon,
    /// At once: somebody waits for the first word, or enough has come together.
    Now,
}

/// The text of one answer between the engine and the journal.
#[derive(Debug, Default)]
pub struct Accumulator {
    /// Something was pushed here: before that somebody waits for the first word.
    has_begun: bool,
    last_seq: u32,
    committed_seq: u32,
    lengths: Lengths,
    open: Vec<Piece>,
    open_bytes: usize,
    sealed: Vec<Chunk>,
    sealed_bytes: usize,
}

#[derive(Debug)]
struct Piece {
    kind: ChunkKind,
    text: String,
    tokens: Vec<i32>,
}

#[derive(Debug, Default)]
struct Lengths {
    text: u32,
    reasoning: u32,
    tool: u32,
}

impl Lengths {
    fn of(&mut self, kind: ChunkKind) -> &mut u32 {
        match kind {
            ChunkKind::Text => &mut self.text,
            ChunkKind::Reasoning => &mut self.reasoning,
            ChunkKind::Tool => &mut self.tool,
        }
    }
}

impl Accumulator {
    /// What follows an answer as far as it is in the journal.
    pub fn after(written: &Assembled) -> Self {
        // An answer is bounded by the model's context, far below 4 GiB.
        let length = |text: &str| u32::try_from(text.len()).unwrap_or(u32::MAX);
        Self {
            last_seq: written.seq,
            committed_seq: written.seq,
            lengths: Lengths {
                text: length(&written.text),
                reasoning: length(&written.reasoning),
                tool: length(&written.tool),
            },
            ..Self::default()
        }
    }

    /// Takes the next whole tokens and their text.
    pub fn push(&mut self, kind: ChunkKind, text: &str, tokens: &[i32]) -> Urgency {
        let first = !std::mem::replace(&mut self.has_begun, true);
        match self.open.last_mut() {
            Some(piece) if piece.kind == kind && !tokens.is_empty() && !piece.tokens.is_empty() => {
                piece.text.push_str(text);
                piece.tokens.extend_from_slice(tokens);
            }
            _ => self.open.push(Piece { kind, text: text.to_owned(), tokens: tokens.to_vec() }),
        }
        self.open_bytes += text.len();
        if first || self.open_bytes >= FLUSH_BYTES { Urgency::Now } else { Urgency::Soon }
    }

    /// The chunks to write next: those of a write that failed, or else all that was pushed since.
    pub fn seal(&mut self) -> &[Chunk] {
        if self.sealed.is_empty() {
            for piece in self.open.drain(..) {
                self.last_seq += 1;
                let length = self.lengths.of(piece.kind);
                let byte_offset = *length;
                // An answer is bounded by the model's context, far below 4 GiB.
                *length = length.saturating_add(u32::try_from(piece.text.len()).unwrap_or(u32::MAX));
                self.sealed.push(Chunk {
                    seq: self.last_seq,
                    byte_offset,
                    kind: piece.kind,
                    text: piece.text,
                    tokens: piece.tokens,
                });
            }
            self.sealed_bytes = std::mem::take(&mut self.open_bytes);
        }
        &self.sealed
    }

    /// The sealed chunks are in the journal: returns them for the readers.
    pub fn committed(&mut self) -> Vec<Chunk> {
        self.sealed_bytes = 0;
        if let Some(last) = self.sealed.last() {
            self.committed_seq = last.seq;
        }
        std::mem::take(&mut self.sealed)
    }

    /// Forgets what was not written: it never will be.
    pub fn discard(&mut self) {
        self.open.clear();
        self.sealed.clear();
        (self.open_bytes, self.sealed_bytes) = (0, 0);
    }

    /// Whether something waits to be written.
    pub fn is_dirty(&self) -> bool {
        !self.sealed.is_empty() || !self.open.is_empty()
    }

    /// Bytes that are not in the journal yet.
    pub fn held_bytes(&self) -> usize {
        self.open_bytes + self.sealed_bytes
    }

    /// The last chunk that is in the journal; 0 before the first.
    pub fn committed_seq(&self) -> u32 {
        self.committed_seq
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_first_piece_is_urgent_and_the_next_ones_can_wait() {
        let mut accumulator = Accumulator::default();
        assert_eq!(accumulator.push(ChunkKind::Text, "a", &[1]), Urgency::Now);
        assert_eq!(accumulator.push(ChunkKind::Text, "b", &[2]), Urgency::Soon);
        accumulator.seal();
        accumulator.committed();
        assert_eq!(accumulator.push(ChunkKind::Text, "c", &[3]), Urgency::Soon);
    }

    #[test]
    fn four_kibibytes_are_urgent() {
        let mut accumulator = Accumulator::default();
        accumulator.push(ChunkKind::Text, "a", &[1]);
        accumulator.seal();
        accumulator.committed();
        assert_eq!(accumulator.push(ChunkKind::Text, &"x".repeat(FLUSH_BYTES - 1), &[2]), Urgency::Soon);
        assert_eq!(accumulator.push(ChunkKind::Text, "x", &[3]), Urgency::Now);
    }

    #[test]
    fn a_failed_write_is_repeated_with_the_same_chunks() {
        let mut accumulator = Accumulator::default();
        accumulator.push(ChunkKind::Text, "one", &[1]);
        let first = accumulator.seal().to_vec();
        accumulator.push(ChunkKind::Text, "two", &[2]);
        assert_eq!(accumulator.seal(), first);
        assert_eq!(accumulator.committed(), first);
        assert_eq!(accumulator.seal()[0].text, "two");
        assert_eq!(accumulator.seal()[0].byte_offset, 3);
    }

    #[test]
    fn what_is_held_counts_until_it_is_committed() {
        let mut accumulator = Accumulator::default();
        accumulator.push(ChunkKind::Text, &"x".repeat(HOLD_BYTES - 1), &[1]);
        accumulator.seal();
        accumulator.push(ChunkKind::Text, "x", &[2]);
        assert_eq!(accumulator.held_bytes(), HOLD_BYTES);
        accumulator.committed();
        assert_eq!(accumulator.held_bytes(), 1);
    }

    #[test]
    fn what_the_end_left_of_a_token_is_a_chunk_of_its_own() {
        let mut accumulator = Accumulator::default();
        accumulator.push(ChunkKind::Text, "one ", &[1]);
        accumulator.push(ChunkKind::Text, "tw", &[]);
        let chunks: Vec<_> =
            accumulator.seal().iter().map(|chunk| (chunk.byte_offset, &*chunk.text)).collect();
        assert_eq!(chunks, [(0, "one "), (4, "tw")]);
    }

    #[test]
    fn an_answer_that_goes_on_is_numbered_on_and_its_first_piece_is_urgent() {
        let written = Assembled {
            text: "é".to_owned(),
            reasoning: "hmm".to_owned(),
            seq: 7,
            epoch: 2,
            ..Assembled::default()
        };
        let mut accumulator = Accumulator::after(&written);
        assert!(!accumulator.is_dirty());
        assert_eq!(accumulator.committed_seq(), 7);
        assert_eq!(accumulator.push(ChunkKind::Text, "a", &[1]), Urgency::Now);
        assert_eq!(accumulator.push(ChunkKind::Reasoning, "b", &[2]), Urgency::Soon);
        let chunks: Vec<_> = accumulator.seal().iter().map(|chunk| (chunk.seq, chunk.byte_offset)).collect();
        assert_eq!(chunks, [(8, 2), (9, 3)]);
    }

    fn kind() -> impl Strategy<Value = ChunkKind> {
        prop_oneof![Just(ChunkKind::Text), Just(ChunkKind::Reasoning), Just(ChunkKind::Tool)]
    }

    proptest! {
        /// However pushes, writes and failures interleave, the journal is the text: contiguous, in order, whole.
        #[test]
        fn the_chunks_are_the_text(
            steps in proptest::collection::vec((kind(), "[a-zé✓]{0,6}", 0..4u8), 1..60),
        ) {
            let mut accumulator = Accumulator::default();
            let mut journal = Vec::new();
            let mut pushed: Vec<(ChunkKind, String, i32)> = Vec::new();
            for (index, (kind, text, action)) in steps.into_iter().enumerate() {
                let token = i32::try_from(index).unwrap();
                accumulator.push(kind, &text, &[token]);
                pushed.push((kind, text, token));
                match action {
                    0 => { accumulator.seal(); }
                    1 => { accumulator.seal(); journal.extend(accumulator.committed()); }
                    _ => {}
                }
            }
            while accumulator.is_dirty() {
                accumulator.seal();
                journal.extend(accumulator.committed());
            }
            prop_assert_eq!(accumulator.committed_seq() as usize, journal.len());
            let tokens: Vec<i32> = journal.iter().flat_map(|chunk| chunk.tokens.clone()).collect();
            prop_assert_eq!(tokens, pushed.iter().map(|piece| piece.2).collect::<Vec<_>>());
            for wanted in [ChunkKind::Text, ChunkKind::Reasoning, ChunkKind::Tool] {
                let mut text = String::new();
                for (chunk, seq) in journal.iter().zip(1..) {
                    prop_assert_eq!(chunk.seq, seq);
                    if chunk.kind == wanted {
                        prop_assert_eq!(chunk.byte_offset as usize, text.len());
                        text.push_str(&chunk.text);
                    }
                }
                let whole: String =
                    pushed.iter().filter(|piece| piece.0 == wanted).map(|piece| piece.1.as_str()).collect();
                prop_assert_eq!(text, whole);
            }
        }
    }
}
