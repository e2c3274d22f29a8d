//! A reader's merge against a model of everything that can reach it.
//!
//! The model has the journals of two answers and a hub that repeats, reorders and loses what is published, and throws
//! everything away when its reader is slow. The reader uses [`Merge`] as `reader` does. Whatever happens, what it sends
//! of an answer is contiguous from where it began, the end comes once and last, and in the end nothing is missing.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use proptest::prelude::*;
use proptest::sample::Index;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};
use shared::GenerationId;

use super::{Merge, Verdict};

const ANSWERS: usize = 2;
/// Small, so that pages end everywhere.
const PAGE_CHUNKS: u32 = 3;

#[derive(Clone, Debug)]
struct Journal {
    id: GenerationId,
    last_seq: u32,
    ended: bool,
}

#[derive(Clone, Debug)]
enum Step {
    Write(usize),
    End(usize),
    /// By whoever publishes it too: a former owner, or the follower.
    PublishAgain(usize, Index),
    Lose(Index),
    Swap(Index, Index),
    Lag,
    Read(usize),
    /// With the cursor of an answer, or without.
    Reconnect(Option<usize>),
    Settle,
}

#[derive(Clone, Copy, Debug)]
enum Live {
    Chunk(GenerationId, u32),
    End(GenerationId, u32),
}

struct Journals;

impl ReferenceStateMachine for Journals {
    type State = Vec<Journal>;
    type Transition = Step;

    fn init_state() -> BoxedStrategy<Self::State> {
        let new = || Journal { id: GenerationId::new(), last_seq: 0, ended: false };
        Just(()).prop_map(move |()| (0..ANSWERS).map(|_| new()).collect()).boxed()
    }

    fn transitions(_: &Self::State) -> BoxedStrategy<Step> {
        let answer = 0..ANSWERS;
        prop_oneof![
            20 => answer.clone().prop_map(Step::Write),
            1 => answer.clone().prop_map(Step::End),
            5 => (answer.clone(), any::<Index>()).prop_map(|(answer, seq)| Step::PublishAgain(answer, seq)),
            3 => any::<Index>().prop_map(Step::Lose),
            3 => any::<(Index, Index)>().prop_map(|(one, other)| Step::Swap(one, other)),
            1 => Just(Step::Lag),
            20 => (1..6usize).prop_map(Step::Read),
            1 => proptest::option::of(answer).prop_map(Step::Reconnect),
            1 => Just(Step::Settle),
        ]
        .boxed()
    }

    fn apply(mut journals: Self::State, step: &Step) -> Self::State {
        match step {
            Step::Write(answer) => journals[*answer].last_seq += 1,
            Step::End(answer) => journals[*answer].ended = true,
            _ => {}
        }
        journals
    }

    fn preconditions(journals: &Self::State, step: &Step) -> bool {
        match step {
            Step::Write(answer) | Step::End(answer) => !journals[*answer].ended,
            _ => true,
        }
    }
}

/// What a connection was sent of one answer.
#[derive(Clone, Copy, Debug, Default)]
struct Sent {
    seq: u32,
    ends: u32,
}

#[derive(Default)]
struct Reader {
    merge: Merge,
    lagged: bool,
    behind: BTreeSet<GenerationId>,
    hub: VecDeque<Live>,
    sent: BTreeMap<GenerationId, Sent>,
}

impl Reader {
    fn open(journals: &[Journal], cursor: Option<(GenerationId, u32)>) -> Self {
        let mut reader = Self::default();
        if let Some((id, seq)) = cursor {
            reader.begin(id, seq);
            reader.behind.insert(id);
        }
        reader.show(journals);
        reader
    }

    fn begin(&mut self, id: GenerationId, seq: u32) {
        self.merge.begin(id, seq);
        self.sent.insert(id, Sent { seq, ends: 0 });
    }

    /// Snapshots of what runs and is not followed.
    fn show(&mut self, journals: &[Journal]) {
        for journal in journals.iter().filter(|journal| !journal.ended) {
            if self.merge.position(journal.id).is_none() {
                self.begin(journal.id, journal.last_seq);
            }
        }
    }

    /// One turn; false where there is nothing to do.
    fn turn(&mut self, journals: &[Journal]) -> bool {
        if self.lagged {
            self.lagged = false;
            self.behind.extend(self.merge.unfinished());
            self.show(journals);
        } else if let Some(id) = self.behind.first().copied() {
            self.read_journal(journals.iter().find(|journal| journal.id == id).unwrap());
        } else if let Some(live) = self.hub.pop_front() {
            match live {
                Live::Chunk(id, seq) => match self.merge.chunk(id, seq) {
                    Verdict::Send => self.send(id, seq),
                    Verdict::Behind { .. } => drop(self.behind.insert(id)),
                    Verdict::Skip => {}
                },
                Live::End(id, last_seq) => match self.merge.end(id, last_seq) {
                    Verdict::Send => self.send_end(id),
                    Verdict::Behind { .. } => drop(self.behind.insert(id)),
                    Verdict::Skip => {}
                },
            }
        } else {
            return false;
        }
        true
    }

    fn read_journal(&mut self, journal: &Journal) {
        let after = self.merge.position(journal.id).unwrap_or_default();
        let page: Vec<u32> = (after + 1..=journal.last_seq).take(PAGE_CHUNKS as usize).collect();
        for seq in &page {
            if self.merge.chunk(journal.id, *seq) == Verdict::Send {
                self.send(journal.id, *seq);
            }
        }
        if page.len() == PAGE_CHUNKS as usize && self.merge.position(journal.id) != Some(after) {
            return;
        }
        if journal.ended && self.merge.end_without_journal(journal.id) == Verdict::Send {
            self.send_end(journal.id);
        }
        self.behind.remove(&journal.id);
    }

    fn send(&mut self, id: GenerationId, seq: u32) {
        let sent = self.sent.entry(id).or_default();
        assert_eq!((sent.seq + 1, sent.ends), (seq, 0), "not the next chunk, or after the end");
        sent.seq = seq;
    }

    fn send_end(&mut self, id: GenerationId) {
        self.sent.entry(id).or_default().ends += 1;
    }

    fn settle(&mut self, journals: &[Journal]) {
        for journal in journals {
            // As the follower finds it when it asks.
            if journal.last_seq > 0 {
                self.hub.push_back(Live::Chunk(journal.id, journal.last_seq));
            }
            if journal.ended {
                self.hub.push_back(Live::End(journal.id, journal.last_seq));
            }
        }
        while self.turn(journals) {}
        for journal in journals {
            let sent = self.sent.get(&journal.id).copied().unwrap_or_default();
            assert_eq!((sent.seq, sent.ends), (journal.last_seq, u32::from(journal.ended)));
        }
        let running = journals.iter().filter(|journal| !journal.ended).map(|journal| journal.id);
        assert!(self.merge.unfinished().all(|id| running.clone().any(|running| running == id)));
    }
}

impl StateMachineTest for Reader {
    type SystemUnderTest = Self;
    type Reference = Journals;

    fn init_test(journals: &Vec<Journal>) -> Self {
        Self::open(journals, None)
    }

    fn apply(mut reader: Self, journals: &Vec<Journal>, step: Step) -> Self {
        let waiting = reader.hub.len();
        match step {
            Step::Write(answer) => {
                let Journal { id, last_seq, .. } = journals[answer];
                reader.hub.push_back(Live::Chunk(id, last_seq));
            }
            Step::End(answer) => {
                let Journal { id, last_seq, .. } = journals[answer];
                reader.hub.push_back(Live::End(id, last_seq));
            }
            Step::PublishAgain(answer, index) => {
                let Journal { id, last_seq, ended } = journals[answer];
                match index.index(last_seq as usize + 1) as u32 {
                    0 if ended => reader.hub.push_back(Live::End(id, last_seq)),
                    0 => {}
                    seq => reader.hub.push_back(Live::Chunk(id, seq)),
                }
            }
            Step::Lose(index) if waiting > 0 => drop(reader.hub.remove(index.index(waiting))),
            Step::Swap(one, other) if waiting > 0 => {
                reader.hub.swap(one.index(waiting), other.index(waiting));
            }
            Step::Lose(_) | Step::Swap(..) => {}
            Step::Lag => {
                reader.hub.clear();
                reader.lagged = true;
            }
            Step::Read(turns) => {
                for _ in 0..turns {
                    reader.turn(journals);
                }
            }
            Step::Reconnect(answer) => {
                let named = answer.map(|answer| journals[answer].id);
                let cursor = named.and_then(|id| Some((id, reader.sent.get(&id)?.seq)));
                reader = Self::open(journals, cursor);
            }
            Step::Settle => reader.settle(journals),
        }
        reader
    }

    fn check_invariants(reader: &Self, journals: &Vec<Journal>) {
        for journal in journals {
            let sent = reader.sent.get(&journal.id).copied().unwrap_or_default();
            assert!(sent.seq <= journal.last_seq && sent.ends <= u32::from(journal.ended));
            assert!(sent.ends == 0 || sent.seq == journal.last_seq, "ended before the last chunk");
        }
    }

    fn teardown(mut reader: Self, journals: Vec<Journal>) {
        reader.settle(&journals);
    }
}

prop_state_machine! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn a_reader_is_sent_each_chunk_once_and_in_order_whatever_reaches_it(sequential 1..80 => Reader);
}
