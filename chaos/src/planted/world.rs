//! A world where every promise was kept: two people, three devices, an answer that was stopped and two that were not.

use std::collections::BTreeSet;

use engine::scripted::expected_answer;
use serde_json::json;
use shared::sse::{self, SseEvent};
use shared::{
    ChunkKind, ClientId, ConversationId, FinishReason, GenerationId, GenerationOptions, Message, MessageId,
    SendAccepted, StreamEvent, Usage,
};

use crate::checks::record::{ChunkRecord, GenerationRecord, MessageRecord, Record};
use crate::checks::{devices, journal, messages};
use crate::ledger::{Ask, Asked, Ledger, Rule};
use crate::people::hearing::Hearing;
use crate::people::screen::{Screen, Shown};

/// Bytes of a chunk, about.
const CHUNK_BYTES: usize = 12;

/// What happens to whom, before it happens.
pub struct World {
    /// What everybody writes down.
    pub ledger: Ledger,
    /// What the database has in the end.
    pub record: Record,
    /// What each device is told: two of the first person, one of the second.
    pub wires: [Vec<SseEvent>; 3],
    /// What a reload is given; none where it is given what is kept.
    pub reload: Option<Vec<Message>>,
    /// A whole answer, a stopped one behind it, and one of another person.
    pub answers: [SendAccepted; 3],
    client_ids: [ClientId; 3],
    _directory: tempfile::TempDir,
}

impl World {
    pub fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let ledger = Ledger::create(&directory.path().join("ledger")).unwrap();
        let (first, second) = (ConversationId::new(), ConversationId::new());
        let accepted = |conversation_id| SendAccepted {
            conversation_id,
            user_message_id: MessageId::new(),
            message_id: MessageId::new(),
            generation_id: GenerationId::new(),
        };
        let answers = [accepted(first), accepted(first), accepted(second)];
        let mut world = Self {
            ledger,
            record: Record::default(),
            wires: Default::default(),
            reload: None,
            answers,
            client_ids: std::array::from_fn(|_| ClientId::new()),
            _directory: directory,
        };
        world.answer(0, None, false);
        world.answer(1, Some(answers[0].message_id), true);
        world.answer(2, None, false);
        world
    }

    /// A question and its answer: asked, kept, and on its way to the devices.
    fn answer(&mut self, which: usize, parent: Option<MessageId>, stopped: bool) {
        let accepted = self.answers[which];
        let person = which / 2;
        let content = format!("question {which} asks for tokens:30");
        let options =
            GenerationOptions { temperature: Some(0.8), seed: Some(7), ..GenerationOptions::default() };
        let ask = Ask::Send { content: content.clone(), parent };
        let asked = Asked {
            client_id: self.client_ids[which],
            person,
            what: ask,
            options: options.clone(),
            accepted: None,
        };
        self.ledger.asks("somebody", asked);
        let blank = MessageRecord {
            conversation: accepted.conversation_id,
            parent,
            by_person: true,
            content,
            status: "complete".into(),
            finish_reason: None,
            continues: None,
        };
        self.record.messages.insert(accepted.user_message_id, blank.clone());
        let prompt = messages::prompt(&self.record.path(accepted.user_message_id));
        let mut text = expected_answer(&prompt, &messages::sampling(&options, 0).unwrap());
        if stopped {
            text.truncate(text.floor_char_boundary(text.len() / 2));
            self.ledger.asks_stop("somebody", accepted.generation_id);
        }
        let (status, finish_reason) = if stopped { ("stopped", "stopped") } else { ("complete", "stop") };
        let answer = MessageRecord {
            parent: Some(accepted.user_message_id),
            by_person: false,
            content: text.clone(),
            status: status.into(),
            finish_reason: Some(finish_reason.into()),
            ..blank
        };
        self.record.messages.insert(accepted.message_id, answer);
        let chunks = chunks(&text);
        let generation = GenerationRecord {
            message: accepted.message_id,
            status: if stopped { "stopped" } else { "done" }.into(),
            epoch: 1,
            engine_deaths: 0,
            last_seq: chunks.last().unwrap().seq,
            has_end: true,
            error: None,
            chunks: chunks.clone(),
        };
        self.record.generations.insert(accepted.generation_id, generation);
        let frames = frames(accepted, &chunks, stopped, &self.message(accepted.message_id));
        if person == 1 {
            self.wires[2].push(frame(&snapshot(accepted, 0, "")));
        }
        let devices = if person == 0 { 0..2 } else { 2..3 };
        for wire in &mut self.wires[devices] {
            wire.extend(frames.clone());
        }
    }

    /// A message as the server gives it.
    pub fn message(&self, id: MessageId) -> Message {
        let kept = &self.record.messages[&id];
        let generation = self.answers.iter().find(|it| it.message_id == id).map(|it| it.generation_id);
        serde_json::from_value(json!({
            "id": id, "conversation_id": kept.conversation, "parent_id": kept.parent,
            "role": if kept.by_person { "user" } else { "assistant" }, "content": kept.content,
            "status": kept.status, "timestamp": "2026-01-01T00:00:00Z", "code_blocks": [],
            "generation_id": generation, "finish_reason": kept.finish_reason,
        }))
        .unwrap()
    }

    /// Rewrites an answer in the database as if it had been so from the beginning: message and journal agree.
    pub fn rewrite(&mut self, which: usize, text: &str) {
        let accepted = self.answers[which];
        self.record.messages.get_mut(&accepted.message_id).unwrap().content = text.to_owned();
        let generation = self.record.generations.get_mut(&accepted.generation_id).unwrap();
        generation.chunks = chunks(text);
        generation.last_seq = generation.chunks.last().map_or(0, |chunk| chunk.seq);
    }

    /// What is kept of an answer.
    pub fn text(&self, which: usize) -> String {
        self.record.messages[&self.answers[which].message_id].content.clone()
    }

    /// Its row.
    pub fn generation(&mut self, which: usize) -> &mut GenerationRecord {
        self.record.generations.get_mut(&self.answers[which].generation_id).unwrap()
    }

    /// The row of its message.
    pub fn answer_message(&mut self, which: usize) -> &mut MessageRecord {
        self.record.messages.get_mut(&self.answers[which].message_id).unwrap()
    }

    /// Acknowledges an answer once more, as one of other ids.
    pub fn acknowledge_as(&self, which: usize, accepted: SendAccepted) {
        self.ledger.acknowledged("somebody", self.client_ids[which], accepted);
    }

    /// Lets it all happen, and compares as a run does at its end.
    pub fn unfold(&mut self) {
        for (accepted, client_id) in self.answers.into_iter().zip(self.client_ids) {
            self.ledger.acknowledged("somebody", client_id, accepted);
        }
        let mut shown = Vec::new();
        for (device, wire) in self.wires.iter().enumerate() {
            let accepted = self.answers[device / 2 * 2];
            shown.push(self.listen(&format!("d{device}"), accepted.conversation_id, wire));
        }
        messages::check(&self.ledger, &self.record);
        journal::check(&self.ledger, &self.record);
        devices::check_screens(&self.ledger, &self.record, &shown);
        let conversation = self.answers[0].conversation_id;
        let of_conversation = self.record.messages.iter().filter(|(_, it)| it.conversation == conversation);
        let kept = of_conversation.map(|(id, _)| self.message(*id)).collect();
        let reload = self.reload.take().unwrap_or(kept);
        devices::compare(&self.ledger, &self.record, conversation, &reload);
    }

    fn listen(&self, who: &str, conversation: ConversationId, wire: &[SseEvent]) -> Shown {
        let shown = self.ledger.shown_by_now(conversation);
        let mut hearing = Hearing::new(who, self.ledger.clone(), None);
        let mut screen = Screen::new(who, self.ledger.clone(), conversation);
        for frame in wire {
            for event in hearing.push(sse::encode(frame).as_bytes()).unwrap() {
                screen.take(&event, &shown);
            }
        }
        screen.shown()
    }

    /// The promises that were found broken.
    pub fn broken(&self) -> BTreeSet<Rule> {
        Rule::ALL.into_iter().filter(|rule| self.ledger.counts(*rule).1 > 0).collect()
    }
}

/// The journal of a text.
fn chunks(text: &str) -> Vec<ChunkRecord> {
    let mut chunks = Vec::new();
    let mut start = 0;
    while start < text.len() {
        let end = text.ceil_char_boundary((start + CHUNK_BYTES).min(text.len()));
        chunks.push(ChunkRecord {
            seq: i32::try_from(chunks.len() + 1).unwrap(),
            epoch: 1,
            byte_offset: i32::try_from(start).unwrap(),
            kind: "text".into(),
            body: text.get(start..end).unwrap().to_owned(),
            tokens: 1,
        });
        start = end;
    }
    chunks
}

fn frames(accepted: SendAccepted, chunks: &[ChunkRecord], stopped: bool, message: &Message) -> Vec<SseEvent> {
    let SendAccepted { generation_id, message_id, .. } = accepted;
    let deltas = chunks.iter().map(|chunk| StreamEvent::Delta {
        generation_id,
        message_id,
        epoch: chunk.epoch.try_into().unwrap(),
        seq: chunk.seq.try_into().unwrap(),
        byte_offset: chunk.byte_offset.try_into().unwrap(),
        kind: ChunkKind::Text,
        text: chunk.body.clone(),
    });
    let finish_reason = if stopped { FinishReason::Stopped } else { FinishReason::Stop };
    let done = StreamEvent::Done { generation_id, message_id, finish_reason, usage: Usage::default() };
    let last = StreamEvent::Message { message: message.clone() };
    deltas.chain([done, last]).map(|event| frame(&event)).collect()
}

/// An answer as far as somebody who connects is told it.
pub fn snapshot(accepted: SendAccepted, seq: u32, text: &str) -> StreamEvent {
    let SendAccepted { generation_id, message_id, .. } = accepted;
    let (text, reasoning, tool) = (text.to_owned(), String::new(), String::new());
    StreamEvent::Snapshot { generation_id, message_id, epoch: 1, seq, text, reasoning, tool }
}

/// An event as the server writes it.
pub fn frame(event: &StreamEvent) -> SseEvent {
    SseEvent {
        name: event.name().to_owned(),
        data: serde_json::to_string(event).unwrap(),
        id: event.cursor().map(|cursor| cursor.to_string()).unwrap_or_default(),
    }
}

/// Alters an event on its way.
pub fn alter(told: &mut SseEvent, change: impl FnOnce(&mut StreamEvent)) {
    let mut event = serde_json::from_str(&told.data).unwrap();
    change(&mut event);
    *told = frame(&event);
}
