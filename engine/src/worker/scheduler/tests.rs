//! The scheduler over the scripted decoder, in simulated time.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use super::*;
use crate::StateBudget;
use crate::decoder::{Drafting, LoadRequest, PromptReader};
use crate::protocol::GenerateCommand;
use crate::scripted::{ScriptedDecoder, ScriptedModel, ScriptedReader, expected_answer};
use crate::worker::states::Disk;
use crate::{ChatMessage, ChatRole, Priority, Prompt, SamplingOptions, SamplingParams, Token, Usage};

mod arrivals;
mod batching;
mod drafts;
mod endings;
mod fairness;
mod filters;
mod forgetting;
mod pauses;
mod prefixes;
mod replies;
mod restarts;
mod resting;
mod shared_prefixes;
mod side_jobs;
mod states;

const ANNA: u128 = 1;
const BEN: u128 = 2;
const CLEO: u128 = 3;

/// A scheduler, its requests so far, and what was told of each.
struct Rig {
    scheduler: Scheduler<ScriptedDecoder>,
    disk: Option<Disk>,
    time: Rc<Cell<Duration>>,
    /// How long the last step took.
    last_step: Duration,
    last_id: u64,
    told: BTreeMap<u64, Vec<News>>,
}

/// One step takes 10 ms, and a token of a prompt 5 ms more: the small model on the small machine.
fn model() -> ScriptedModel {
    ScriptedModel {
        step_us: 10_000,
        prompt_token_us: 5_000,
        draft_token_us: Some(1_000),
        context_tokens: 2_048,
        ..ScriptedModel::default()
    }
}

fn rig(slots: u32) -> Rig {
    rig_of(slots, &model())
}

fn rig_of(slots: u32, model: &ScriptedModel) -> Rig {
    rig_with(slots, model, &StateBudget::default())
}

/// One that keeps states.
fn rig_with(slots: u32, model: &ScriptedModel, budget: &StateBudget) -> Rig {
    let time = Rc::new(Cell::new(Duration::ZERO));
    let (spent, clock) = (Rc::clone(&time), Rc::clone(&time));
    let request = LoadRequest { slots, ..LoadRequest::new("none") };
    let spend = move |duration| spent.set(spent.get() + duration);
    let decoder = ScriptedDecoder::new(model, &request, Box::new(spend));
    let (disk, kept) = Disk::open(budget.clone(), decoder.state_traits().identity).unzip();
    let states = States::new(budget.clone(), decoder.state_traits(), kept.unwrap_or_default());
    let scheduler = Scheduler::new(decoder, states, Box::new(move || clock.get()));
    Rig { scheduler, disk, time, last_step: Duration::ZERO, last_id: 0, told: BTreeMap::new() }
}

/// The prompt of a conversation that the template takes.
fn prepare(messages: &[ChatMessage]) -> PreparedPrompt {
    ScriptedReader::default().read(&messages.to_vec().into(), None, &[]).unwrap()
}

fn says(role: ChatRole, text: &str) -> ChatMessage {
    ChatMessage::new(role, text)
}

fn asks(text: &str) -> Vec<ChatMessage> {
    vec![says(ChatRole::User, text)]
}

fn sampling(options: SamplingOptions) -> SamplingParams {
    SamplingOptions { seed: Some(7), ..options }.check().unwrap()
}

fn plain() -> SamplingParams {
    sampling(SamplingOptions::default())
}

impl Rig {
    fn command(&mut self, user: u128, sampling: SamplingParams) -> GenerateCommand {
        self.last_id += 1;
        GenerateCommand {
            id: self.last_id,
            user,
            conversation: None,
            prompt: Prompt::Tokens(Vec::new()),
            sampling,
            answer_so_far: Vec::new(),
            priority: Priority::Chat,
        }
    }

    /// A request as it comes from the pipe and from the prompt thread.
    fn send(&mut self, command: GenerateCommand, messages: &[ChatMessage]) -> u64 {
        let id = command.id;
        self.scheduler.arrive(command);
        let prompt = ScriptedReader::default().read(&messages.to_vec().into(), None, &[]);
        self.scheduler.prepared(id, prompt.map_err(Into::into));
        self.hear();
        id
    }

    fn ask(&mut self, user: u128, text: &str) -> u64 {
        let command = self.command(user, plain());
        self.send(command, &asks(text))
    }

    fn ask_side(&mut self, user: u128, text: &str) -> u64 {
        let command = GenerateCommand { priority: Priority::Side, ..self.command(user, plain()) };
        self.send(command, &asks(text))
    }

    fn cancel(&mut self, id: u64) {
        self.scheduler.cancel(id);
        self.hear();
    }

    fn pause(&mut self, id: u64) {
        self.scheduler.set_paused(id, true);
    }

    fn resume(&mut self, id: u64) {
        self.scheduler.set_paused(id, false);
    }

    fn step(&mut self) {
        let before = self.time.get();
        self.scheduler.step();
        self.last_step = self.time.get() - before;
        self.run_disk();
        self.hear();
    }

    /// Does what the thread of the disk would do, and tells whether that was anything.
    fn run_disk(&mut self) -> bool {
        let jobs = self.scheduler.take_disk_jobs();
        let has_jobs = !jobs.is_empty();
        for job in jobs {
            let disk = self.disk.as_ref().expect("nothing is asked of a disk that is not there");
            disk.run(job).into_iter().for_each(|news| self.scheduler.hear_disk(news));
        }
        has_jobs
    }

    /// Time passes in which nobody asks anything.
    fn rest(&mut self, time: Duration) {
        let until = self.time.get() + time;
        for _ in 0..1_000 {
            let next = self.scheduler.save_resting();
            let has_jobs = self.run_disk();
            match next {
                _ if has_jobs => {}
                Some(next) if next <= until => self.time.set(next.max(self.time.get())),
                _ => return self.time.set(until),
            }
        }
        panic!("the rest does not end");
    }

    /// What a worker does when it ends.
    fn end(mut self) {
        for slot in self.scheduler.slots_to_save().into_iter().map(Some).chain([None]) {
            self.scheduler.save_last(slot);
            self.run_disk();
        }
    }

    /// Until nothing is left to do: no slot in use, nobody waiting.
    fn finish(&mut self) {
        self.hear();
        for _ in 0..100_000 {
            if !self.scheduler.has_work() {
                self.assert_idle();
                return;
            }
            self.step();
        }
        panic!("the work does not end");
    }

    fn step_until(&mut self, what: &str, done: impl Fn(&Self) -> bool) {
        for _ in 0..100_000 {
            if done(self) {
                return;
            }
            assert!(self.scheduler.has_work(), "nothing left to do, and still not: {what}");
            self.step();
        }
        panic!("never: {what}");
    }

    /// Zero live slots, nobody waiting, and everybody told of exactly one end, as the last.
    fn assert_idle(&self) {
        assert!(self.scheduler.running.is_empty() && self.scheduler.waiting.len() == 0);
        assert_eq!(self.scheduler.slots.in_use(), 0, "slots in use");
        for (id, news) in &self.told {
            let ends = news.iter().filter(|news| is_end(news)).count();
            assert_eq!(ends, 1, "ends of {id}: {news:?}");
            assert!(news.last().is_some_and(is_end), "news after the end of {id}");
        }
    }

    fn hear(&mut self) {
        for Update { id, news } in self.scheduler.take_updates() {
            self.told.entry(id).or_default().push(news);
        }
    }

    fn news(&self, id: u64) -> &[News] {
        self.told.get(&id).map(Vec::as_slice).unwrap_or_default()
    }

    fn text(&self, id: u64) -> String {
        let texts = self.news(id).iter().filter_map(|news| match news {
            News::Text { text, .. } => Some(text.as_str()),
            _ => None,
        });
        texts.collect()
    }

    fn tokens(&self, id: u64) -> Vec<Token> {
        let tokens = self.news(id).iter().filter_map(|news| match news {
            News::Text { tokens, .. } => Some(tokens.as_slice()),
            _ => None,
        });
        tokens.flatten().copied().collect()
    }

    fn done(&self, id: u64) -> Option<(FinishReason, Usage)> {
        self.news(id).iter().find_map(|news| match news {
            News::Done { reason, usage } => Some((*reason, *usage)),
            _ => None,
        })
    }

    fn error(&self, id: u64) -> Option<GenerationError> {
        self.news(id).iter().find_map(|news| match news {
            News::Failed(error) => Some(error.clone()),
            _ => None,
        })
    }

    fn cached(&self, id: u64) -> u32 {
        let cached = self.news(id).iter().find_map(|news| match news {
            News::Prompt { cached, .. } => Some(*cached),
            _ => None,
        });
        cached.expect("it got a slot")
    }

    fn has_text(&self, id: u64) -> bool {
        !self.text(id).is_empty()
    }

    fn has_ended(&self, id: u64) -> bool {
        self.news(id).iter().any(is_end)
    }

    fn running(&self) -> Vec<u64> {
        self.scheduler.running.values().map(|stream| stream.request.id).collect()
    }
}

fn is_end(news: &News) -> bool {
    matches!(news, News::Done { .. } | News::Failed(_))
}
