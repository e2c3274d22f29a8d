//! How a reader joins the journal and the live hub into one text. Pure: no I/O.
//!
//! ```text
//!            chunk = last + 1: send          end ≥ last: send once
//! Following ───────────────────────→ Following ───────────────→ Ended
//!     │ gap                              ↑
//!     └────────→ read the journal ───────┘
//! ```
//!
//! Live news may be lost, repeated or overtaken by the journal; the journal is read in order. Whatever happens,
//! what is sent of a generation is its chunks from the reader's cursor on, each once and in order, and then its
//! end, once.

use std::collections::BTreeMap;

use shared::GenerationId;

/// What to do with an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is the next one: send it.
    Send,
    /// The reader has it already.
    Skip,
    /// Something before it is missing: read the journal after this chunk.
    Behind {
        /// The last chunk that was sent.
        after_seq: u32,
    },
}

/// Where a reader stands in every generation it follows.
#[derive(Debug, Default)]
pub struct Merge {
    positions: BTreeMap<GenerationId, Position>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Position {
    seq: u32,
    ended: bool,
}

impl Merge {
    /// The reader has everything of this generation up to and including `seq`.
    pub fn begin(&mut self, id: GenerationId, seq: u32) {
        self.positions.insert(id, Position { seq, ended: false });
    }

    /// The last chunk sent of a generation that is followed; none where it is not.
    pub fn position(&self, id: GenerationId) -> Option<u32> {
        self.positions.get(&id).map(|position| position.seq)
    }

    /// Whether the end was sent.
    pub fn has_ended(&self, id: GenerationId) -> bool {
        self.positions.get(&id).is_some_and(|position| position.ended)
    }

    /// The generations whose end was not sent yet.
    pub fn unfinished(&self) -> impl Iterator<Item = GenerationId> {
        self.positions.iter().filter(|(_, position)| !position.ended).map(|(id, _)| *id)
    }

    /// A chunk, live or from the journal. A generation that is new to the reader begins at its first chunk.
    pub fn chunk(&mut self, id: GenerationId, seq: u32) -> Verdict {
        let position = self.positions.entry(id).or_default();
        if position.ended || seq <= position.seq {
            return Verdict::Skip;
        }
        if seq != position.seq + 1 {
            return Verdict::Behind { after_seq: position.seq };
        }
        position.seq = seq;
        Verdict::Send
    }

    /// News from before the first chunk: queue, loading, reading of the prompt.
    pub fn progress(&mut self, id: GenerationId) -> Verdict {
        let position = self.positions.entry(id).or_default();
        if position.ended || position.seq > 0 { Verdict::Skip } else { Verdict::Send }
    }

    /// News from between chunks: speeds so far.
    pub fn aside(&mut self, id: GenerationId) -> Verdict {
        match self.positions.get(&id) {
            Some(position) if !position.ended => Verdict::Send,
            _ => Verdict::Skip,
        }
    }

    /// The end, after `last_seq` chunks.
    pub fn end(&mut self, id: GenerationId, last_seq: u32) -> Verdict {
        let position = self.positions.entry(id).or_default();
        if position.ended {
            return Verdict::Skip;
        }
        if position.seq < last_seq {
            return Verdict::Behind { after_seq: position.seq };
        }
        position.ended = true;
        Verdict::Send
    }

    /// The end of a generation whose journal is no longer kept: its message has the whole text.
    pub fn end_without_journal(&mut self, id: GenerationId) -> Verdict {
        let position = self.positions.entry(id).or_default();
        if std::mem::replace(&mut position.ended, true) { Verdict::Skip } else { Verdict::Send }
    }
}

#[cfg(test)]
mod machine;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_gap_changes_nothing() {
        let id = GenerationId::new();
        let mut merge = Merge::default();
        assert_eq!(merge.chunk(id, 1), Verdict::Send);
        assert_eq!(merge.chunk(id, 3), Verdict::Behind { after_seq: 1 });
        assert_eq!(merge.chunk(id, 2), Verdict::Send);
    }

    #[test]
    fn the_end_waits_for_the_last_chunk_and_comes_once() {
        let id = GenerationId::new();
        let mut merge = Merge::default();
        merge.begin(id, 4);
        assert_eq!(merge.end(id, 5), Verdict::Behind { after_seq: 4 });
        assert_eq!(merge.chunk(id, 5), Verdict::Send);
        assert_eq!(merge.end(id, 5), Verdict::Send);
        assert_eq!(merge.end(id, 5), Verdict::Skip);
        assert_eq!(merge.chunk(id, 6), Verdict::Skip);
        assert_eq!(merge.aside(id), Verdict::Skip);
    }

    #[test]
    fn progress_is_told_only_before_the_first_chunk() {
        let id = GenerationId::new();
        let mut merge = Merge::default();
        assert_eq!(merge.progress(id), Verdict::Send);
        assert_eq!(merge.chunk(id, 1), Verdict::Send);
        assert_eq!(merge.progress(id), Verdict::Skip);
    }

    /// What reaches a reader of one generation, in any order the live hub can bring it about.
    #[derive(Clone, Debug)]
    enum Arrival {
        Chunk(proptest::sample::Index),
        End,
    }

    fn arrival() -> impl Strategy<Value = Arrival> {
        prop_oneof![
            8 => any::<proptest::sample::Index>().prop_map(Arrival::Chunk),
            1 => Just(Arrival::End),
        ]
    }

    /// Sends what the journal has after the reader's position; `written` chunks are in it so far.
    fn read_journal(merge: &mut Merge, id: GenerationId, after_seq: u32, written: u32, sent: &mut Vec<u32>) {
        for seq in after_seq + 1..=written {
            assert_eq!(merge.chunk(id, seq), Verdict::Send);
            sent.push(seq);
        }
    }

    proptest! {
        #[test]
        fn every_chunk_is_sent_once_in_order_and_then_the_end(
            length in 0..30u32,
            cursor in any::<proptest::sample::Index>(),
            arrivals in proptest::collection::vec(arrival(), 0..80),
        ) {
            let id = GenerationId::new();
            let cursor = u32::try_from(cursor.index(length as usize + 1)).unwrap();
            let mut merge = Merge::default();
            merge.begin(id, cursor);
            let (mut sent, mut ends) = (Vec::new(), 0);
            for arrival in arrivals.into_iter().chain([Arrival::End]) {
                match arrival {
                    Arrival::Chunk(_) if length == 0 => {}
                    Arrival::Chunk(index) => {
                        let seq = u32::try_from(index.index(length as usize)).unwrap() + 1;
                        match merge.chunk(id, seq) {
                            Verdict::Send => sent.push(seq),
                            Verdict::Skip => {}
                            // What is live is in the journal: everything up to this chunk can be read.
                            Verdict::Behind { after_seq } => read_journal(&mut merge, id, after_seq, seq, &mut sent),
                        }
                    }
                    Arrival::End => match merge.end(id, length) {
                        Verdict::Send => ends += 1,
                        Verdict::Skip => {}
                        Verdict::Behind { after_seq } => {
                            read_journal(&mut merge, id, after_seq, length, &mut sent);
                            prop_assert_eq!(merge.end(id, length), Verdict::Send);
                            ends += 1;
                        }
                    },
                }
                prop_assert!(ends == 0 || sent.len() == (length - cursor) as usize);
            }
            prop_assert_eq!(sent, (cursor + 1..=length).collect::<Vec<_>>());
            prop_assert_eq!(ends, 1);
            prop_assert_eq!(merge.unfinished().count(), 0);
        }
    }
}
