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
mod tests;
