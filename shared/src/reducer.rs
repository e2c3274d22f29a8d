//! Turns stream events into the text of answers. The same code in the page, the tests and the load generator.
//!
//! ```text
//! Queued ─┬→ Loading ─┬→ Reading ─→ Writing ─→ Ended
//!         └───────────┴────────────────↑         (any phase can end)
//! ```

use std::collections::BTreeMap;

use crate::{
    ApiError, ChunkKind, Cursor, FinishReason, GenerationId, LoadStage, MessageId, StreamEvent, Usage,
};

/// What a generation is doing.
#[derive(Clone, Debug, PartialEq)]
pub enum Phase {
    /// Waits for a slot; `place` from 1, 0 while it is not known.
    Queued {
        /// How many are before it.
        place: u32,
    },
    /// Waits for its model.
    Loading {
        /// What is being done to load it.
        stage: LoadStage,
        /// Of this stage, 0 to 1.
        fraction: f32,
    },
    /// Its prompt is being read.
    Reading {
        /// Tokens read.
        done: u32,
        /// Tokens of the prompt.
        total: u32,
    },
    /// Text comes.
    Writing,
    /// Nothing comes any more.
    Ended,
}

/// One answer as far as this client has seen it.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The message it belongs to; none before the first snapshot or chunk.
    pub message_id: Option<MessageId>,
    /// Which owner wrote last.
    pub epoch: u32,
    /// The last chunk that was applied.
    pub seq: u32,
    /// The answer.
    pub text: String,
    /// The reasoning.
    pub reasoning: String,
    /// The arguments of tool calls.
    pub tool: String,
    /// What the generation is doing.
    pub phase: Phase,
    /// Tokens and speeds so far.
    pub usage: Option<Usage>,
    /// Why it ended well.
    pub finish_reason: Option<FinishReason>,
    /// Why it ended badly.
    pub error: Option<ApiError>,
}

impl Answer {
    fn new() -> Self {
        Self {
            message_id: None,
            epoch: 0,
            seq: 0,
            text: String::new(),
            reasoning: String::new(),
            tool: String::new(),
            phase: Phase::Queued { place: 0 },
            usage: None,
            finish_reason: None,
            error: None,
        }
    }

    fn text_mut(&mut self, kind: ChunkKind) -> &mut String {
        match kind {
            ChunkKind::Text => &mut self.text,
            ChunkKind::Reasoning => &mut self.reasoning,
            ChunkKind::Tool => &mut self.tool,
        }
    }
}

/// What an event did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It changed something.
    Applied,
    /// It was known already, or is not about an answer's text.
    Ignored,
    /// Something between was missed: connect again and take a snapshot.
    Gap,
}

/// All answers of one stream.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answers {
    answers: BTreeMap<GenerationId, Answer>,
}

impl Answers {
    /// No answers.
    pub fn new() -> Self {
        Self::default()
    }

    /// One answer.
    pub fn get(&self, id: GenerationId) -> Option<&Answer> {
        self.answers.get(&id)
    }

    /// All answers, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = (GenerationId, &Answer)> {
        self.answers.iter().map(|(id, answer)| (*id, answer))
    }

    /// Drops an answer whose message has been taken over as a whole.
    pub fn remove(&mut self, id: GenerationId) {
        self.answers.remove(&id);
    }

    /// What to send as `Last-Event-ID`: the newest answer that has text and has not ended.
    pub fn cursor(&self) -> Option<Cursor> {
        self.answers
            .iter()
            .rev()
            .find(|(_, answer)| answer.seq > 0 && answer.phase != Phase::Ended)
            .map(|(id, answer)| Cursor { generation_id: *id, epoch: answer.epoch, seq: answer.seq })
    }

    /// Applies one event. After [`Outcome::Gap`] nothing has changed.
    pub fn apply(&mut self, event: &StreamEvent) -> Outcome {
        match event {
            StreamEvent::Snapshot { generation_id, message_id, epoch, seq, text, reasoning, tool } => {
                let answer = self.entry(*generation_id);
                if answer.phase == Phase::Ended || (answer.epoch, answer.seq) > (*epoch, *seq) {
                    return Outcome::Ignored;
                }
                answer.message_id = Some(*message_id);
                answer.epoch = *epoch;
                answer.seq = *seq;
                answer.text.clone_from(text);
                answer.reasoning.clone_from(reasoning);
                answer.tool.clone_from(tool);
                if *seq > 0 {
                    answer.phase = Phase::Writing;
                }
                Outcome::Applied
            }
            StreamEvent::Delta { generation_id, message_id, epoch, seq, byte_offset, kind, text } => {
                self.append(*generation_id, *message_id, *epoch, *seq, *byte_offset, *kind, text)
            }
            StreamEvent::Truncate { generation_id, epoch, seq, text_bytes, reasoning_bytes, tool_bytes } => {
                let Some(answer) = self.answers.get_mut(generation_id) else { return Outcome::Gap };
                if answer.phase == Phase::Ended || *seq <= answer.seq || *epoch < answer.epoch {
                    return Outcome::Ignored;
                }
                let kept = [
                    (&mut answer.text, *text_bytes as usize),
                    (&mut answer.reasoning, *reasoning_bytes as usize),
                    (&mut answer.tool, *tool_bytes as usize),
                ];
                if *seq != answer.seq + 1 || kept.iter().any(|(text, bytes)| !text.is_char_boundary(*bytes)) {
                    return Outcome::Gap;
                }
                for (text, bytes) in kept {
                    text.truncate(bytes);
                }
                answer.epoch = *epoch;
                answer.seq = *seq;
                Outcome::Applied
            }
            StreamEvent::Queued { generation_id, place } => {
                self.progress(*generation_id, Phase::Queued { place: *place })
            }
            StreamEvent::Loading { generation_id, stage, fraction, .. } => {
                self.progress(*generation_id, Phase::Loading { stage: *stage, fraction: *fraction })
            }
            StreamEvent::Prefill { generation_id, done, total } => {
                self.progress(*generation_id, Phase::Reading { done: *done, total: *total })
            }
            StreamEvent::Usage { generation_id, usage } => {
                let answer = self.entry(*generation_id);
                if answer.phase == Phase::Ended {
                    return Outcome::Ignored;
                }
                answer.usage = Some(*usage);
                Outcome::Applied
            }
            StreamEvent::Done { generation_id, message_id, finish_reason, usage } => {
                let answer = self.entry(*generation_id);
                if answer.phase == Phase::Ended {
                    return Outcome::Ignored;
                }
                answer.message_id = Some(*message_id);
                answer.phase = Phase::Ended;
                answer.finish_reason = Some(*finish_reason);
                answer.usage = Some(*usage);
                Outcome::Applied
            }
            StreamEvent::Error { generation_id: Some(generation_id), error } => {
                let answer = self.entry(*generation_id);
                if answer.phase == Phase::Ended {
                    return Outcome::Ignored;
                }
                answer.phase = Phase::Ended;
                answer.error = Some(error.clone());
                Outcome::Applied
            }
            StreamEvent::Error { generation_id: None, .. }
            | StreamEvent::Message { .. }
            | StreamEvent::Title { .. }
            | StreamEvent::List {}
            | StreamEvent::Models {}
            | StreamEvent::Reconnect { .. } => Outcome::Ignored,
        }
    }

    fn entry(&mut self, id: GenerationId) -> &mut Answer {
        self.answers.entry(id).or_insert_with(Answer::new)
    }

    fn progress(&mut self, id: GenerationId, phase: Phase) -> Outcome {
        let answer = self.entry(id);
        if matches!(answer.phase, Phase::Writing | Phase::Ended) {
            return Outcome::Ignored;
        }
        answer.phase = phase;
        Outcome::Applied
    }

    #[allow(clippy::too_many_arguments, reason = "the fields of one event, taken apart in one place")]
    fn append(
        &mut self,
        generation_id: GenerationId,
        message_id: MessageId,
        epoch: u32,
        seq: u32,
        byte_offset: u32,
        kind: ChunkKind,
        text: &str,
    ) -> Outcome {
        if seq != 1 && !self.answers.contains_key(&generation_id) {
            return Outcome::Gap;
        }
        let answer = self.entry(generation_id);
        if answer.phase == Phase::Ended || seq <= answer.seq || epoch < answer.epoch {
            return Outcome::Ignored;
        }
        if seq != answer.seq + 1 || answer.text_mut(kind).len() != byte_offset as usize {
            return Outcome::Gap;
        }
        answer.message_id = Some(message_id);
        answer.epoch = epoch;
        answer.seq = seq;
        answer.phase = Phase::Writing;
        answer.text_mut(kind).push_str(text);
        Outcome::Applied
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The journal of one generation: chunks in order.
    fn journal(generation_id: GenerationId, message_id: MessageId, texts: &[String]) -> Vec<StreamEvent> {
        let mut byte_offset = 0;
        texts
            .iter()
            .zip(1..)
            .map(|(text, seq)| {
                let delta = StreamEvent::Delta {
                    generation_id,
                    message_id,
                    epoch: 1,
                    seq,
                    byte_offset,
                    kind: ChunkKind::Text,
                    text: text.clone(),
                };
                byte_offset += u32::try_from(text.len()).unwrap();
                delta
            })
            .collect()
    }

    fn snapshot(generation_id: GenerationId, message_id: MessageId, texts: &[String]) -> StreamEvent {
        StreamEvent::Snapshot {
            generation_id,
            message_id,
            epoch: 1,
            seq: u32::try_from(texts.len()).unwrap(),
            text: texts.concat(),
            reasoning: String::new(),
            tool: String::new(),
        }
    }

    #[test]
    fn a_missing_chunk_is_a_gap_and_changes_nothing() {
        let (generation_id, message_id) = (GenerationId::new(), MessageId::new());
        let events = journal(generation_id, message_id, &["a".into(), "b".into(), "c".into()]);
        let mut answers = Answers::new();
        assert_eq!(answers.apply(&events[0]), Outcome::Applied);
        let before = answers.clone();
        assert_eq!(answers.apply(&events[2]), Outcome::Gap);
        assert_eq!(answers, before);
    }

    #[test]
    fn a_delta_of_an_unknown_generation_in_mid_text_is_a_gap() {
        let (generation_id, message_id) = (GenerationId::new(), MessageId::new());
        let events = journal(generation_id, message_id, &["a".into(), "b".into()]);
        let mut answers = Answers::new();
        assert_eq!(answers.apply(&events[1]), Outcome::Gap);
        assert_eq!(answers, Answers::new());
    }

    #[test]
    fn truncate_cuts_once_and_the_new_owner_goes_on() {
        let (generation_id, message_id) = (GenerationId::new(), MessageId::new());
        let mut answers = Answers::new();
        for event in journal(generation_id, message_id, &["one ".into(), "two".into()]) {
            answers.apply(&event);
        }
        let cut = StreamEvent::Truncate {
            generation_id,
            epoch: 2,
            seq: 3,
            text_bytes: 4,
            reasoning_bytes: 0,
            tool_bytes: 0,
        };
        let next = StreamEvent::Delta {
            generation_id,
            message_id,
            epoch: 2,
            seq: 4,
            byte_offset: 4,
            kind: ChunkKind::Text,
            text: "three".into(),
        };
        assert_eq!(answers.apply(&next), Outcome::Gap);
        assert_eq!(answers.apply(&cut), Outcome::Applied);
        assert_eq!(answers.apply(&cut), Outcome::Ignored);
        assert_eq!(answers.apply(&next), Outcome::Applied);
        assert_eq!(answers.get(generation_id).unwrap().text, "one three");
    }

    #[test]
    fn nothing_changes_after_the_end() {
        let (generation_id, message_id) = (GenerationId::new(), MessageId::new());
        let texts = ["a".into(), "b".into()];
        let events = journal(generation_id, message_id, &texts);
        let mut answers = Answers::new();
        answers.apply(&events[0]);
        answers.apply(&StreamEvent::Error {
            generation_id: Some(generation_id),
            error: ApiError::new(crate::ErrorCode::EngineFailed, "gone"),
        });
        let ended = answers.clone();
        for event in [events[1].clone(), snapshot(generation_id, message_id, &texts)] {
            assert_eq!(answers.apply(&event), Outcome::Ignored);
        }
        assert_eq!(answers, ended);
        assert_eq!(answers.cursor(), None);
    }

    proptest! {
        /// Whatever is lost, repeated or overtaken: the text is always a prefix of the journal, and a client that
        /// takes a snapshot at each gap ends with the whole of it.
        #[test]
        fn any_delivery_ends_in_the_whole_text(
            texts in proptest::collection::vec("[a-zé✓]{0,5}", 1..20),
            deliveries in proptest::collection::vec(any::<proptest::sample::Index>(), 0..60),
        ) {
            let (generation_id, message_id) = (GenerationId::new(), MessageId::new());
            let events = journal(generation_id, message_id, &texts);
            let whole = texts.concat();
            let mut answers = Answers::new();
            for delivery in deliveries {
                let index = delivery.index(events.len());
                if answers.apply(&events[index]) == Outcome::Gap {
                    prop_assert_eq!(answers.apply(&snapshot(generation_id, message_id, &texts[..=index])), Outcome::Applied);
                }
                let shown = answers.get(generation_id).map_or("", |answer| &answer.text);
                prop_assert!(whole.starts_with(shown));
            }
            for event in &events {
                prop_assert_ne!(answers.apply(event), Outcome::Gap);
            }
            prop_assert_eq!(&answers.get(generation_id).unwrap().text, &whole);
        }
    }
}
