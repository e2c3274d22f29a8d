//! The client's reducer against a model of everything that can happen to a stream.
//!
//! The model has the journals of two answers. Between them and the page is a line that loses, repeats and reorders
//! events, breaks, and is opened again where the page stands. Whatever happens, the page shows exactly what the
//! journals had at its place, each answer ends at most once, and once the line is good everything is shown.

#![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "a fault of the model must end the test")]

use std::collections::{BTreeMap, VecDeque};

use proptest::prelude::*;
use proptest::sample::Index;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};
use shared::reducer::{Answers, Outcome, Phase};
use shared::{ChunkKind, FinishReason, GenerationId, MessageId, StreamEvent, Usage};

const ANSWERS: usize = 2;

/// All three texts of an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Texts {
    text: String,
    reasoning: String,
    tool: String,
}

impl Texts {
    fn of(&mut self, kind: ChunkKind) -> &mut String {
        match kind {
            ChunkKind::Text => &mut self.text,
            ChunkKind::Reasoning => &mut self.reasoning,
            ChunkKind::Tool => &mut self.tool,
        }
    }
}

/// What the database has of one answer.
#[derive(Clone, Debug)]
struct Journal {
    id: GenerationId,
    message_id: MessageId,
    epoch: u32,
    /// Chunks and cuts, as readers get them.
    events: Vec<StreamEvent>,
    ended: bool,
}

impl Journal {
    fn new() -> Self {
        let (id, message_id) = (GenerationId::new(), MessageId::new());
        Self { id, message_id, epoch: 1, events: Vec::new(), ended: false }
    }

    fn last_seq(&self) -> u32 {
        self.events.len() as u32
    }

    /// What a reader of the first `seq` events must show.
    fn texts(&self, seq: u32) -> Texts {
        let mut texts = Texts::default();
        for event in &self.events[..seq as usize] {
            match event {
                StreamEvent::Delta { kind, text, .. } => texts.of(*kind).push_str(text),
                StreamEvent::Truncate { text_bytes, reasoning_bytes, tool_bytes, .. } => {
                    texts.text.truncate(*text_bytes as usize);
                    texts.reasoning.truncate(*reasoning_bytes as usize);
                    texts.tool.truncate(*tool_bytes as usize);
                }
                other => unreachable!("not in a journal: {other:?}"),
            }
        }
        texts
    }

    fn write(&mut self, kind: ChunkKind, text: &str) {
        let byte_offset = self.texts(self.last_seq()).of(kind).len() as u32;
        self.events.push(StreamEvent::Delta {
            generation_id: self.id,
            message_id: self.message_id,
            epoch: self.epoch,
            seq: self.last_seq() + 1,
            byte_offset,
            kind,
            text: text.to_owned(),
        });
    }

    /// A new owner that cannot go on from here: back to what was there after some earlier event.
    fn cut(&mut self, to: &Index) {
        self.epoch += 1;
        let (kept, now) = (self.texts(to.index(self.events.len() + 1) as u32), self.texts(self.last_seq()));
        self.events.push(StreamEvent::Truncate {
            generation_id: self.id,
            epoch: self.epoch,
            seq: self.last_seq() + 1,
            text_bytes: common_bytes(&kept.text, &now.text),
            reasoning_bytes: common_bytes(&kept.reasoning, &now.reasoning),
            tool_bytes: common_bytes(&kept.tool, &now.tool),
        });
    }

    fn snapshot(&self) -> StreamEvent {
        let seq = self.last_seq();
        let Texts { text, reasoning, tool } = self.texts(seq);
        let (generation_id, message_id) = (self.id, self.message_id);
        StreamEvent::Snapshot { generation_id, message_id, epoch: self.epoch, seq, text, reasoning, tool }
    }

    fn end(&self) -> StreamEvent {
        StreamEvent::Done {
            generation_id: self.id,
            message_id: self.message_id,
            finish_reason: FinishReason::Stop,
            usage: Usage::default(),
        }
    }
}

/// The length of the common beginning, in whole characters.
fn common_bytes(one: &str, other: &str) -> u32 {
    one.chars().zip(other.chars()).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8() as u32).sum()
}

#[derive(Clone, Debug)]
enum Step {
    Write(usize, ChunkKind, String),
    TakeOver(usize),
    Cut(usize, Index),
    End(usize),
    Progress(usize, u32),
    Deliver(usize),
    Lose(Index),
    Repeat(Index),
    Swap(Index, Index),
    Break,
    Connect,
    /// The line is good for as long as it takes.
    Settle,
}

/// What happens on the servers. The line and the page are what is tested.
struct Servers;

impl ReferenceStateMachine for Servers {
    type State = Vec<Journal>;
    type Transition = Step;

    fn init_state() -> BoxedStrategy<Self::State> {
        Just(()).prop_map(|()| (0..ANSWERS).map(|_| Journal::new()).collect()).boxed()
    }

    fn transitions(_: &Self::State) -> BoxedStrategy<Step> {
        let answer = 0..ANSWERS;
        let kind = prop_oneof![
            4 => Just(ChunkKind::Text),
            1 => Just(ChunkKind::Reasoning),
            1 => Just(ChunkKind::Tool)
        ];
        let write = (answer.clone(), kind, "[aé✓]{1,3}");
        prop_oneof![
            20 => write.prop_map(|(answer, kind, text)| Step::Write(answer, kind, text)),
            2 => answer.clone().prop_map(Step::TakeOver),
            2 => (answer.clone(), any::<Index>()).prop_map(|(answer, to)| Step::Cut(answer, to)),
            1 => answer.clone().prop_map(Step::End),
            2 => (answer, 1..5u32).prop_map(|(answer, place)| Step::Progress(answer, place)),
            20 => (1..8usize).prop_map(Step::Deliver),
            3 => any::<Index>().prop_map(Step::Lose),
            3 => any::<Index>().prop_map(Step::Repeat),
            3 => any::<(Index, Index)>().prop_map(|(one, other)| Step::Swap(one, other)),
            2 => Just(Step::Break),
            4 => Just(Step::Connect),
            1 => Just(Step::Settle),
        ]
        .boxed()
    }

    fn apply(mut journals: Self::State, step: &Step) -> Self::State {
        match step {
            Step::Write(answer, kind, text) => journals[*answer].write(*kind, text),
            Step::TakeOver(answer) => journals[*answer].epoch += 1,
            Step::Cut(answer, to) => journals[*answer].cut(to),
            Step::End(answer) => journals[*answer].ended = true,
            _ => {}
        }
        journals
    }

    fn preconditions(journals: &Self::State, step: &Step) -> bool {
        match step {
            Step::Write(answer, ..)
            | Step::TakeOver(answer)
            | Step::Cut(answer, _)
            | Step::End(answer)
            | Step::Progress(answer, _) => !journals[*answer].ended,
            _ => true,
        }
    }
}

/// A page and its line to the servers.
#[derive(Default)]
struct Page {
    answers: Answers,
    line: Option<VecDeque<StreamEvent>>,
    /// How often each answer has ended.
    ends: BTreeMap<GenerationId, u32>,
}

impl Page {
    /// As the server answers a request for a stream, and as a page asks for it.
    fn connect(&mut self, journals: &[Journal]) {
        let cursor = self.answers.cursor();
        let named = cursor.map(|cursor| cursor.generation_id);
        let mut line = VecDeque::new();
        for journal in journals {
            if let Some(cursor) = cursor.filter(|_| named == Some(journal.id)) {
                line.extend(journal.events[cursor.seq as usize..].iter().cloned());
                line.extend(journal.ended.then(|| journal.end()));
            } else if !journal.ended {
                line.push_back(journal.snapshot());
            } else if self.answers.get(journal.id).is_some_and(|answer| answer.phase != Phase::Ended) {
                // Neither named nor running: it has ended, and its message is fetched as a whole.
                self.answers.remove(journal.id);
            }
        }
        self.line = Some(line);
    }

    fn send(&mut self, event: StreamEvent) {
        self.line.iter_mut().for_each(|line| line.push_back(event.clone()));
    }

    /// Takes the next event; false where there is none.
    fn receive(&mut self) -> bool {
        let Some(event) = self.line.as_mut().and_then(VecDeque::pop_front) else { return false };
        let before = self.answers.clone();
        match self.answers.apply(&event) {
            Outcome::Applied => {
                if let StreamEvent::Done { generation_id, .. } = event {
                    *self.ends.entry(generation_id).or_default() += 1;
                }
            }
            Outcome::Ignored => assert_eq!(self.answers, before, "{event:?} changed something"),
            Outcome::Gap => {
                assert_eq!(self.answers, before, "{event:?} changed something");
                (self.answers, self.line) = (Answers::new(), None);
            }
        }
        true
    }

    /// Connects until nothing is missing, over a line that loses nothing.
    fn settle(&mut self, journals: &[Journal]) {
        self.line = None;
        for _ in 0..2 {
            if self.line.is_none() {
                self.connect(journals);
            }
            while self.receive() {}
        }
        assert!(self.line.is_some(), "there is no end of gaps");
        for journal in journals.iter().filter(|journal| !journal.ended) {
            let answer = self.answers.get(journal.id).expect("a running answer");
            assert_eq!(answer.seq, journal.last_seq(), "not everything is shown");
        }
        for journal in journals.iter().filter(|journal| journal.ended) {
            let runs = self.answers.get(journal.id).is_some_and(|answer| answer.phase != Phase::Ended);
            assert!(!runs, "an answer that has ended still runs");
        }
    }

    fn disturb(&mut self, disturbance: impl FnOnce(&mut VecDeque<StreamEvent>)) {
        if let Some(line) = self.line.as_mut().filter(|line| !line.is_empty()) {
            disturbance(line);
        }
    }
}

impl StateMachineTest for Page {
    type SystemUnderTest = Self;
    type Reference = Servers;

    fn init_test(_: &Vec<Journal>) -> Self {
        Self::default()
    }

    fn apply(mut page: Self, journals: &Vec<Journal>, step: Step) -> Self {
        match step {
            Step::Write(answer, ..) | Step::Cut(answer, _) => {
                page.send(journals[answer].events.last().unwrap().clone());
            }
            Step::End(answer) => page.send(journals[answer].end()),
            Step::Progress(answer, place) => {
                page.send(StreamEvent::Queued { generation_id: journals[answer].id, place });
            }
            Step::TakeOver(_) => {}
            Step::Deliver(count) => {
                for _ in 0..count {
                    page.receive();
                }
            }
            Step::Lose(index) => page.disturb(|line| drop(line.remove(index.index(line.len())))),
            Step::Repeat(index) => page.disturb(|line| line.push_back(line[index.index(line.len())].clone())),
            Step::Swap(one, other) => {
                page.disturb(|line| line.swap(one.index(line.len()), other.index(line.len())));
            }
            Step::Break => page.line = None,
            Step::Connect => page.connect(journals),
            Step::Settle => page.settle(journals),
        }
        page
    }

    fn check_invariants(page: &Self, journals: &Vec<Journal>) {
        for (id, answer) in page.answers.iter() {
            let journal = journals.iter().find(|journal| journal.id == id).expect("an answer of ours");
            let shown = Texts {
                text: answer.text.clone(),
                reasoning: answer.reasoning.clone(),
                tool: answer.tool.clone(),
            };
            assert_eq!(shown, journal.texts(answer.seq));
            assert!(answer.epoch <= journal.epoch);
        }
        assert!(page.ends.values().all(|ends| *ends == 1), "an answer has ended more than once");
    }

    fn teardown(mut page: Self, journals: Vec<Journal>) {
        page.settle(&journals);
        Self::check_invariants(&page, &journals);
    }
}

prop_state_machine! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn a_page_shows_what_the_journals_have_whatever_happens_to_its_line(sequential 1..80 => Page);
}
