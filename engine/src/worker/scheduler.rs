//! The scheduler: which request runs where, and what goes into the next batch.
//!
//! Driven by [`super::serve`] on the one thread that owns the decoder. It never waits and does no I/O: requests come in
//! by method, news go out by [`Scheduler::take_updates`], time comes from the clock it was given.

use std::collections::BTreeMap;
use std::time::Duration;

use super::drafts::costs::Costs;
use super::pace::Pace;
use super::reply::{Ended, Said};
use super::request::{Request, Stream};
use super::slots::Slots;
use super::states::States;
use super::states::speed::StateSpeed;
use super::waiting::Waiting;
use crate::decoder::{Decoder, ModelFacts, PreparedPrompt};
use crate::protocol::{GenerateCommand, News, Update};
use crate::{FinishReason, GenerationError, Token};

use batch::Plan;

mod admission;
mod batch;
mod choosing;
mod drafting;
mod resting;
mod restoring;
#[cfg(test)]
mod tests;

/// Requests that may wait in one worker. The parent's bound is lower; this one only keeps a broken parent from filling
/// the memory.
const WAITING_MAX: usize = 32_768;

/// Time since some fixed moment.
pub(crate) type Clock = Box<dyn Fn() -> Duration>;

/// All requests of one worker and the decoder that serves them.
pub(crate) struct Scheduler<D> {
    decoder: D,
    facts: ModelFacts,
    clock: Clock,
    slots: Slots,
    waiting: Waiting<Request>,
    /// By slot, as batches are ordered.
    running: BTreeMap<usize, Stream>,
    pace: Pace,
    costs: Costs,
    states: States,
    speed: StateSpeed,
    /// Before then nothing that rests is saved beside streams.
    rests_until: Duration,
    /// How long filters may still hold up this step.
    filter_patience: Duration,
    updates: Vec<Update>,
}

impl<D: Decoder> Scheduler<D> {
    pub(crate) fn new(decoder: D, states: States, clock: Clock) -> Self {
        let facts = decoder.facts().clone();
        Self {
            decoder,
            clock,
            slots: Slots::new(facts.slots),
            facts,
            waiting: Waiting::new(),
            running: BTreeMap::new(),
            pace: Pace::default(),
            costs: Costs::default(),
            states,
            speed: StateSpeed::default(),
            rests_until: Duration::ZERO,
            filter_patience: Duration::ZERO,
            updates: Vec::new(),
        }
    }

    /// A request has come. It runs once [`Scheduler::prepared`] brings its prompt.
    pub(crate) fn arrive(&mut self, command: GenerateCommand) {
        if self.waiting.len() >= WAITING_MAX {
            let message = format!("the worker's queue of {WAITING_MAX} requests is full");
            self.tell(command.id, News::Failed(GenerationError::Internal { message }));
            return;
        }
        let request = Request::new(command, (self.clock)());
        self.waiting.insert(request.id, request);
    }

    /// The prompt of a request is ready, or cannot be. Ignored for a request that has ended meanwhile.
    pub(crate) fn prepared(&mut self, id: u64, prompt: Result<PreparedPrompt, GenerationError>) {
        let Some(mut request) = self.waiting.remove(id) else { return };
        let context_tokens = self.facts.context_tokens;
        let refusal = match prompt {
            Err(error) => Some(error),
            Ok(prompt) => {
                request.set_prompt(prompt);
                let answer = request.answer().iter().map(|token| (*token, self.decoder.token_bytes(*token)));
                let answer: Vec<(Token, &[u8])> = answer.collect();
                request.calls = request.reply.replay(answer);
                self.refusal(&request)
            }
        };
        if let Some(error) = refusal {
            self.tell(id, News::Failed(error));
        } else if request.is_full(context_tokens) {
            self.tell_done(&request, FinishReason::Length);
        } else {
            self.waiting.insert(id, request);
        }
    }

    /// Ends an answer at once, if it has not ended.
    pub(crate) fn cancel(&mut self, id: u64) {
        if let Some(request) = self.waiting.remove(id) {
            self.end(request, FinishReason::Stopped);
            return;
        }
        let running = self.running.iter().find(|(_, stream)| stream.request.id == id);
        if let Some(slot) = running.map(|(slot, _)| *slot) {
            self.finish(slot, FinishReason::Stopped);
        }
    }

    /// Leaves an answer out of all steps, or lets it take part again. In its slot it keeps that.
    pub(crate) fn set_paused(&mut self, id: u64, is_paused: bool) {
        if let Some(request) = self.waiting.get_mut(id) {
            request.is_paused = is_paused;
        }
        if let Some(stream) = self.running.values_mut().find(|stream| stream.request.id == id) {
            stream.request.is_paused = is_paused;
        }
    }

    /// Whether a step would do anything, beside telling places. Not so while all who have a slot are paused, however many
    /// wait for one.
    pub(crate) fn has_work(&self) -> bool {
        let moves = |stream: &Stream| stream.takes_part() || stream.is_choosing();
        self.running.values().any(moves) || self.can_settle() || self.can_admit()
    }

    /// The time of the clock that it was given.
    pub(crate) fn now(&self) -> Duration {
        (self.clock)()
    }

    /// What happened since the last call, in order.
    pub(crate) fn take_updates(&mut self) -> Vec<Update> {
        std::mem::take(&mut self.updates)
    }

    /// Gives out slots, decodes one batch, samples, and tells what came of it.
    pub(crate) fn step(&mut self) {
        self.speed.begin_step();
        self.admit();
        self.settle();
        self.choose_kept();
        self.tell_places();
        let drafts = self.draft();
        let plan = self.plan(drafts);
        if plan.is_empty() {
            return;
        }
        let started = (self.clock)();
        let decoded = self.decoder.decode(plan.batch());
        let now = (self.clock)();
        match decoded {
            Ok(()) => {
                self.learn(&plan, now.saturating_sub(started));
                self.collect(&plan, now);
            }
            Err(error) => self.fail_batch(&plan, &error),
        }
    }

    fn learn(&mut self, plan: &Plan, took: Duration) {
        if plan.drafted == 0 {
            self.pace.observe(plan.answering, plan.reading, took);
        }
        if plan.reading.tokens == 0 {
            self.costs.observe(plan.answering, plan.drafted, took.as_secs_f64());
        }
    }

    fn refusal(&self, request: &Request) -> Option<GenerationError> {
        let known = 0..i64::from(self.facts.vocabulary_tokens);
        let stranger = request.tokens.iter().find(|token| !known.contains(&i64::from(**token)));
        let context_tokens = self.facts.context_tokens;
        if request.prompt().is_empty() {
            Some(GenerationError::Template { message: "the prompt is empty".to_owned() })
        } else if let Some(token) = stranger {
            let message = format!("token {token} is not in the model's vocabulary");
            Some(GenerationError::Internal { message })
        } else if !request.fits(context_tokens) {
            let prompt_tokens = request.prompt_len as u32;
            Some(GenerationError::ContextLength { prompt_tokens, context_tokens })
        } else {
            None
        }
    }

    /// Frees the slot of a stream, whose tokens stay in the cache, and ends its answer.
    fn finish(&mut self, slot: usize, reason: FinishReason) {
        if let Some(request) = self.take_from_slot(slot) {
            self.end(request, reason);
        }
    }

    fn fail(&mut self, slot: usize, error: GenerationError) {
        if let Some(request) = self.take_from_slot(slot) {
            self.tell(request.id, News::Failed(error));
        }
    }

    fn take_from_slot(&mut self, slot: usize) -> Option<Request> {
        self.drop_drafts(slot);
        let stream = self.running.remove(&slot)?;
        self.decoder.end(slot as u32);
        self.slots.release(slot, (self.clock)());
        if self.slots.is_forgotten(slot) {
            self.clear(slot);
        }
        Some(stream.request)
    }

    /// Empties a slot.
    fn clear(&mut self, slot: usize) {
        self.decoder.clear(slot as u32);
        self.slots.clear(slot);
    }

    fn end(&mut self, mut request: Request, reason: FinishReason) {
        let ended = if reason == FinishReason::Stop { Ended::Whole } else { Ended::Cut };
        let rest = request.reply.finish(ended);
        self.tell_said(&mut request, rest);
        self.tell_done(&request, reason);
    }

    fn tell_done(&mut self, request: &Request, reason: FinishReason) {
        let usage = request.usage(self.facts.context_tokens);
        self.tell(request.id, News::Done { reason, usage });
    }

    fn tell_said(&mut self, request: &mut Request, said: impl IntoIterator<Item = Said>) {
        for said in said {
            let news = request.news(said);
            self.tell(request.id, news);
        }
    }

    fn tell(&mut self, id: u64, news: News) {
        self.updates.push(Update { id, news });
    }
}
