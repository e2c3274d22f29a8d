//! What a model's entry does with jobs, with what its worker says, and with the passing of time.

use std::mem;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::entry::{Active, Answer, Entry, Job, State, tell};
use super::process::{Exit, Worker};
use crate::decoder::ModelFacts;
use crate::mailbox::{GenerationKey, Pushed};
use crate::protocol::{self, Command, Event, GenerateCommand, News, PROTOCOL_VERSION, Update};
use crate::{FinishReason, GenerationError, GenerationEvent, LoadStage, MemoryUse, Usage, Whose};

impl Entry {
    /// Takes a job: to the worker where it is ready, else to those who wait.
    pub(super) fn ask(&mut self, job: Job) {
        let now = Instant::now();
        self.last_used = now;
        self.is_let_go = false;
        match self.state() {
            State::Ready { .. } => return self.send(job),
            State::Failed { error, retry_at } if now < *retry_at => {
                let error = error.clone();
                return job.fail(error);
            }
            State::Failed { .. } => self.enter(State::Unloaded),
            State::Unloaded | State::Loading { .. } | State::Draining { .. } => {}
        }
        if self.waiting.is_empty() {
            self.waiting_since = now;
        }
        if let Job::Answer(answer) = &job {
            let place = self.waiting.len() as u32 + 1;
            let event = match self.state() {
                State::Loading { stage, fraction, .. } => {
                    GenerationEvent::Loading { stage: *stage, fraction: *fraction }
                }
                _ => GenerationEvent::Queued { place },
            };
            tell(&answer.outlet, event);
        }
        self.waiting.push_back(job);
    }

    /// Unloads it, although it is pinned, until it is asked for again.
    pub(super) fn let_go(&mut self, reply: oneshot::Sender<()>) {
        self.is_let_go = true;
        self.unloads.push(reply);
    }

    /// Ends the answer with this key, if it is one of ours.
    pub(super) fn stop(&mut self, key: GenerationKey) -> bool {
        let waits = |job: &Job| matches!(job, Job::Answer(answer) if answer.key == key);
        if let Some(index) = self.waiting.iter().position(waits) {
            if let Some(Job::Answer(answer)) = self.waiting.remove(index) {
                let done = GenerationEvent::Done { reason: FinishReason::Stopped, usage: Usage::default() };
                tell(&answer.outlet, done);
            }
            return true;
        }
        self.expect(key, &Command::Cancel { id: key })
    }

    /// Lets an answer go on whose consumer was behind, if it is one of ours.
    pub(super) fn resume(&mut self, key: GenerationKey) -> bool {
        self.expect(key, &Command::Resume { id: key })
    }

    /// Has its worker forget what was read for them, if it has one.
    pub(super) fn forget(&mut self, whose: Whose) {
        if self.worker().is_some() {
            self.command(&Command::Forget(whose));
        }
    }

    /// Sends a command on an answer of ours, after which there will be news of it.
    fn expect(&mut self, key: GenerationKey, command: &Command) -> bool {
        let owed_news = self.owes_news();
        let Some(active) = self.active.get_mut(&key) else { return false };
        active.is_paused = false;
        if !owed_news {
            self.heard_at = Instant::now();
        }
        self.command(command);
        true
    }

    /// The worker said something.
    pub(super) fn hear(&mut self, event: Event) {
        self.heard_at = Instant::now();
        match event {
            Event::Hello { protocol: PROTOCOL_VERSION } => {}
            Event::Hello { protocol } => self.fail(
                format!(
                    "the engine program speaks version {protocol} of the protocol and this server version \
                     {PROTOCOL_VERSION}: build both from the same source"
                ),
                Instant::now(),
            ),
            Event::Loading { stage, fraction } => self.tell_loading(stage, fraction),
            Event::Loaded { facts, memory } => self.begin_serving(facts, memory),
            Event::Contained(containment) => self.containment = Some(containment),
            Event::LoadFailed { message } => self.fail(message, Instant::now()),
            Event::Step(updates) => updates.into_iter().for_each(|update| self.pass_on(update)),
            Event::Told { id, result } => {
                let context_tokens = self.facts.as_ref().map_or(0, |facts| facts.context_tokens);
                let told = result.map(|told| (told, context_tokens));
                if let Some(reply) = self.asked.remove(&id) {
                    let _ = reply.send(told.map_err(Into::into));
                }
            }
        }
    }

    /// The worker has gone.
    pub(super) fn lose_worker(&mut self, exit: Exit) {
        let now = Instant::now();
        match (self.state(), exit) {
            (_, Exit::NotStarted(message)) => self.fail(message, now),
            (State::Draining { .. }, _) if !self.is_busy() => {
                tracing::info!(model = %self.id, "the model was unloaded");
                self.enter(State::Unloaded);
            }
            (_, Exit::Ended(how)) => {
                tracing::error!(model = %self.id, answers = self.active.len(), how, "the model's process died");
                self.die(&how, now);
            }
        }
    }

    /// A process has been started for the model.
    pub(super) fn begin_loading(&mut self, worker: Worker) {
        self.enter(State::Loading { worker, stage: LoadStage::Opening, fraction: 0.0 });
        self.tell_loading(LoadStage::Opening, 0.0);
    }

    /// Lets the answers finish, then ends the worker.
    pub(super) fn begin_draining(&mut self) {
        self.change(|state| match state {
            State::Ready { worker } => State::Draining { worker },
            other => other,
        });
        self.end_drained();
    }

    /// Unloads what has been idle for `idle_unload` or is to be unloaded, once its answers have ended.
    pub(super) fn advance(&mut self, idle_unload: Option<Duration>, now: Instant) {
        let is_over = |deadline: Option<Instant>| deadline.is_some_and(|deadline| deadline <= now);
        if is_over(self.silence_deadline()) {
            tracing::error!(model = %self.id, "the model's process hangs and is given up");
            self.die("it hung", now);
        }
        self.waiting.retain(|job| !job.is_abandoned());
        match self.state() {
            State::Loading { .. } if !self.unloads.is_empty() => {
                let message = "the model was unloaded before it was ready: ask again to load it";
                self.fail_waiting(&GenerationError::ModelUnusable { message: message.to_owned() });
                self.give_up_loading();
            }
            State::Loading { .. } if !self.is_awaited() => self.give_up_loading(),
            State::Failed { .. } if is_over(self.retry_deadline()) => self.enter(State::Unloaded),
            _ => {}
        }
        let is_ready = matches!(self.state(), State::Ready { .. });
        if is_over(self.idle_deadline(idle_unload)) || (is_ready && !self.unloads.is_empty()) {
            self.begin_draining();
        }
        self.end_drained();
        if self.worker().is_none() {
            for reply in self.unloads.drain(..) {
                let _ = reply.send(());
            }
        }
    }

    /// Ends a worker that is loading; its model counts until the process has gone.
    fn give_up_loading(&mut self) {
        tracing::info!(model = %self.id, "nobody waits for the model any longer: its loading is given up");
        self.change(|state| match state {
            State::Loading { mut worker, .. } => {
                worker.kill();
                State::Draining { worker }
            }
            other => other,
        });
    }

    /// When the model will have been idle for long enough to be unloaded.
    pub(super) fn idle_deadline(&self, idle_unload: Option<Duration>) -> Option<Instant> {
        let is_idle = matches!(self.state(), State::Ready { .. }) && !self.is_busy();
        idle_unload.filter(|_| is_idle && !self.is_pinned).map(|idle| self.last_used + idle)
    }

    /// Ends the worker at once; its answers have been told.
    pub(super) fn close(&mut self) {
        self.change(|state| match state {
            State::Ready { mut worker } | State::Draining { mut worker } => {
                worker.end_input();
                State::Draining { worker }
            }
            // Loading may take long and leaves nothing behind: dropped, the process is killed.
            State::Loading { .. } | State::Unloaded | State::Failed { .. } => State::Unloaded,
        });
    }

    fn begin_serving(&mut self, facts: ModelFacts, memory: MemoryUse) {
        let (slots, context_tokens) = (facts.slots, facts.context_tokens);
        self.facts = Some(facts);
        self.memory.measured = Some(memory);
        tracing::info!(
            model = %self.id,
            slots,
            context_tokens,
            memory_bytes = memory.total_bytes(),
            estimated_bytes = self.memory.estimated.total_bytes(),
            error_percent = self.memory.error_percent().unwrap_or_default().round(),
            "the model is ready"
        );
        self.change(|state| match state {
            State::Loading { worker, .. } => State::Ready { worker },
            other => other,
        });
        self.last_used = Instant::now();
        for job in mem::take(&mut self.waiting) {
            self.ask(job);
        }
    }

    fn tell_loading(&mut self, stage: LoadStage, fraction: f32) {
        self.change(|state| match state {
            State::Loading { worker, .. } => State::Loading { worker, stage, fraction },
            other => other,
        });
        for job in &self.waiting {
            if let Job::Answer(answer) = job {
                tell(&answer.outlet, GenerationEvent::Loading { stage, fraction });
            }
        }
    }

    fn send(&mut self, job: Job) {
        if !self.owes_news() {
            self.heard_at = Instant::now();
        }
        match job {
            Job::Load { reply } => {
                let _ = reply.send(Ok(()));
            }
            Job::Ask { key, question, reply } => {
                self.asked.insert(key, reply);
                self.command(&Command::Ask { id: key, question });
            }
            Job::Answer(answer) => {
                let Answer { key, request, outlet, asked_at } = *answer;
                let sent_at = Instant::now();
                let active = Active { user: request.user, outlet, asked_at, sent_at, is_paused: false };
                self.active.insert(key, active);
                self.command(&Command::Generate(Box::new(GenerateCommand {
                    id: key,
                    user: request.user,
                    conversation: request.conversation,
                    prompt: request.prompt,
                    sampling: request.sampling,
                    answer_so_far: request.answer_so_far,
                    priority: request.priority,
                })));
            }
        }
    }

    /// Hands a command to the worker. One that is too large fails by itself; a worker that takes none any more is given
    /// up.
    fn command(&mut self, command: &Command) {
        let frame = match protocol::encode(command) {
            Ok(frame) => frame,
            Err(error) => return self.refuse(command, &error.to_string()),
        };
        if !self.worker().is_some_and(|worker| worker.send(frame)) {
            tracing::error!(model = %self.id, "the model's process takes no more commands and is given up");
            self.die("it took no more commands", Instant::now());
        }
    }

    fn refuse(&mut self, command: &Command, why: &str) {
        let error = GenerationError::Internal { message: format!("the conversation cannot be sent: {why}") };
        match command {
            Command::Generate(generate) => {
                if let Some(active) = self.active.remove(&generate.id) {
                    tell(&active.outlet, GenerationEvent::Failed(error));
                }
            }
            Command::Ask { id, .. } => {
                if let Some(reply) = self.asked.remove(id) {
                    let _ = reply.send(Err(error.into()));
                }
            }
            Command::Load(_)
            | Command::Cancel { .. }
            | Command::Pause { .. }
            | Command::Resume { .. }
            | Command::Forget(_) => {}
        }
    }

    fn pass_on(&mut self, Update { id, news }: Update) {
        let Some(active) = self.active.get_mut(&id) else { return };
        let event = match news {
            News::Queued { place } => GenerationEvent::Queued { place },
            News::Prompt { tokens, cached } => GenerationEvent::Prompt { tokens, cached },
            News::Prefill { done, total } => GenerationEvent::Prefill { done, total },
            News::Text { kind, text, tokens, choices } => {
                GenerationEvent::Text { kind, text, tokens, choices }
            }
            News::ToolCall { index, id, name, tokens } => {
                GenerationEvent::ToolCall { index, id, name, tokens }
            }
            News::Failed(error) => GenerationEvent::Failed(error),
            News::Done { reason, usage } => {
                GenerationEvent::Done { reason, usage: active.whole_usage(usage) }
            }
        };
        let has_ended = event.is_end();
        let took = matches!(event, GenerationEvent::Done { .. }).then(|| active.sent_at.elapsed());
        let is_word = matches!(event, GenerationEvent::Text { .. } | GenerationEvent::ToolCall { .. });
        let pushed = active.outlet.push(event);
        active.is_paused |= pushed == Pushed::Pause;
        if is_word {
            self.note_step();
        }
        match pushed {
            _ if has_ended => {
                self.active.remove(&id);
                self.last_used = Instant::now();
            }
            Pushed::Taken => {}
            Pushed::Pause => self.command(&Command::Pause { id }),
            Pushed::GivenUp => self.command(&Command::Cancel { id }),
        }
        if let Some(took) = took {
            self.note_answer(took);
        }
    }

    fn end_drained(&mut self) {
        if matches!(self.state(), State::Draining { .. }) && !self.is_busy() {
            self.end_input();
        }
    }
}

impl Active {
    /// The worker's clock begins when it gets the command; the person's, when it was asked.
    fn whole_usage(&self, usage: Usage) -> Usage {
        let before_ms = self.sent_at.duration_since(self.asked_at).as_millis() as u32;
        let has_token = usage.completion_tokens > 0;
        let first_token_ms = if has_token { usage.first_token_ms + before_ms } else { 0 };
        Usage { first_token_ms, ..usage }
    }
}
