//! Runs one answer from its kept request to its recorded end.
//!
//! ```text
//! read the branch ─→ ask the engine ─→ write its text ─→ record the end ─→ tell the readers
//!                       ↑     │ too long, and the oldest may go
//!                       └─────┘
//! ```
//!
//! Every runner records exactly one end, unless the generation has another owner or the server goes down: then
//! whoever runs it next does. Readers and requests come and go without it.

mod omission;

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::time::Instant;

use engine::{GenerateRequest, GenerationError, GenerationEvent, Priority, Prompt, PromptSize, TextKind};
use futures_util::FutureExt;
use serde_json::json;
use shared::{
    ChunkKind, ContextOverflow, ContextPolicy, FinishReason, Message, MessageId, StreamEvent, Usage,
};
use store::{Claim, Ending, Place, Started, StoreError};

use super::backoff::{Backoff, is_outage};
use super::branch::Branch;
use super::journal::{Target, WriteError, Writer};
use super::live::{Ended, LiveEvent, Topic};
use super::meter::Meter;
use super::progress::Progress;
use super::registry::Seat;
use super::{Generations, Job, end_event, failure};
use crate::services::title;

/// Runs `job`.
pub(super) async fn run(generations: Generations, seat: Seat, job: Job) {
    let mut runner = Runner::new(generations, seat, job);
    let outcome = AssertUnwindSafe(runner.produce()).catch_unwind().await;
    let ending = match outcome {
        Ok(Ok(ending)) => ending,
        Ok(Err(Gone::Lost)) => return runner.leave_to_others(),
        Ok(Err(Gone::Closing)) => {
            // What was not written was never shown.
            let _ = runner.writer.flush().await;
            return;
        }
        // The panic hook has told the log what and where.
        Err(_panic) => Ending::Failed(failure::internal("the runner of an answer panicked")),
    };
    if let Some(message) = runner.finish(ending).await {
        title::after_answer(&runner.generations, &runner.job, message);
    }
}

/// Why a runner leaves without recording an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gone {
    /// Another replica owns the generation.
    Lost,
    /// The server goes down.
    Closing,
}

/// What became of one request to the engine.
enum Attempt {
    Ended(Ending),
    TooLong(PromptSize),
}

struct Runner {
    generations: Generations,
    seat: Seat,
    job: Job,
    writer: Writer,
    meter: Meter,
    progress: Progress,
    omitted: Vec<MessageId>,
    engine_usage: Option<engine::Usage>,
}

impl Runner {
    fn new(generations: Generations, seat: Seat, job: Job) -> Self {
        let writer = generations.inner.journal.writer(Target {
            user_id: job.user,
            generation_id: job.ids.generation_id,
            message_id: job.ids.message_id,
            conversation_id: job.ids.conversation_id,
            epoch: Claim::first(job.ids.generation_id, generations.owner()).epoch,
        });
        let meter = Meter::new(job.accepted_at);
        Self {
            generations,
            seat,
            job,
            writer,
            meter,
            progress: Progress::default(),
            omitted: Vec::new(),
            engine_usage: None,
        }
    }

    fn claim(&self) -> Claim {
        Claim::first(self.job.ids.generation_id, self.generations.owner())
    }

    async fn produce(&mut self) -> Result<Ending, Gone> {
        let store = self.generations.inner.store.clone();
        let (user, question) = (self.job.user, self.job.ids.user_message_id);
        let path = match self.patiently(|| store.branch(user, question)).await? {
            Ok(path) => path,
            // The conversation was deleted meanwhile.
            Err(StoreError::NotFound) => return Ok(Ending::Finished(FinishReason::Stopped)),
            Err(error) => return Ok(Ending::Failed(failure::internal(error))),
        };
        let branch = Branch::new(&path);
        let mut omitted = 0;
        loop {
            let size = match self.attempt(branch.without_oldest(omitted)).await? {
                Attempt::Ended(ending) => return Ok(ending),
                Attempt::TooLong(size) => size,
            };
            let enough = match omitted {
                0 => match self.fewest_omitted(&branch).await? {
                    Ok(enough) => enough,
                    Err(ending) => return Ok(ending),
                },
                // The measurement was of the same prompt; should the engine see it otherwise, go on by one.
                _ => Some(omitted + 1).filter(|next| *next <= branch.most_omitted()),
            };
            match (self.job.request.context_policy, enough) {
                (ContextPolicy::OmitOldest, Some(enough)) => {
                    omitted = enough;
                    self.omitted = branch.oldest_ids(enough);
                }
                (_, enough) => {
                    return Ok(Ending::Failed(failure::context(ContextOverflow {
                        prompt_tokens: size.prompt_tokens,
                        context_tokens: size.context_tokens,
                        omit_message_ids: enough.map(|count| branch.oldest_ids(count)).unwrap_or_default(),
                    })));
                }
            }
        }
    }

    async fn attempt(&mut self, messages: Vec<engine::ChatMessage>) -> Result<Attempt, Gone> {
        let stop = self.seat.stop_asked().clone();
        let closing = self.generations.inner.closing.clone();
        if stop.is_cancelled() {
            return Ok(Attempt::Ended(Ending::Finished(FinishReason::Stopped)));
        }
        let request = GenerateRequest {
            model: self.job.request.model.clone(),
            user: self.job.user.0.as_u128(),
            prompt: Prompt::Chat(messages),
            sampling: self.job.request.sampling.clone(),
            answer_so_far: Vec::new(),
            priority: Priority::Chat,
        };
        let mut generation = match self.generations.inner.engine.generate(request).await {
            Ok(generation) => generation,
            Err(engine::EngineError::ShuttingDown) => return Err(Gone::Closing),
            Err(error) => return Ok(Attempt::Ended(Ending::Failed(failure::engine(error)))),
        };
        let mut stopping = false;
        loop {
            let event = tokio::select! {
                biased;
                () = closing.cancelled() => return Err(Gone::Closing),
                error = self.writer.closed() => return unwritable(error).map(Attempt::Ended),
                () = stop.cancelled(), if !stopping => {
                    stopping = true;
                    generation.stop();
                    continue;
                }
                event = generation.next() => event,
            };
            let ending = match event {
                Some(GenerationEvent::Prompt { tokens, cached }) => self.started(tokens, cached).await?,
                Some(GenerationEvent::Text { kind, text, tokens }) => {
                    self.write(kind, &text, &tokens).await?
                }
                Some(GenerationEvent::Done { reason, usage }) => {
                    self.engine_usage = Some(usage);
                    Some(Ending::Finished(match reason {
                        engine::FinishReason::Stop => FinishReason::Stop,
                        engine::FinishReason::Length => FinishReason::Length,
                        engine::FinishReason::Stopped => FinishReason::Stopped,
                    }))
                }
                Some(GenerationEvent::Failed(GenerationError::ContextLength {
                    prompt_tokens,
                    context_tokens,
                })) => {
                    return Ok(Attempt::TooLong(PromptSize { prompt_tokens, context_tokens }));
                }
                Some(GenerationEvent::Failed(GenerationError::ShuttingDown)) => return Err(Gone::Closing),
                Some(GenerationEvent::Failed(error)) => Some(Ending::Failed(failure::generation(error))),
                Some(GenerationEvent::Queued { place }) => {
                    self.tell(|id| StreamEvent::Queued { generation_id: id, place })
                }
                Some(GenerationEvent::Loading { fraction }) => {
                    let model = self.job.request.model.to_string();
                    self.tell(|id| StreamEvent::Loading { generation_id: id, model, fraction })
                }
                Some(GenerationEvent::Prefill { done, total }) => {
                    self.tell(|id| StreamEvent::Prefill { generation_id: id, done, total })
                }
                None => Some(Ending::Failed(failure::internal("the engine went silent in an answer"))),
            };
            if let Some(ending) = ending {
                return Ok(Attempt::Ended(ending));
            }
        }
    }

    /// The engine has begun: keeps what another owner would need to go on.
    async fn started(&mut self, prompt: Vec<engine::Token>, cached: u32) -> Result<Option<Ending>, Gone> {
        self.meter.prompt(u32::try_from(prompt.len()).unwrap_or(u32::MAX), cached);
        let model = &self.job.request.model;
        let models = self.generations.inner.engine.models();
        if let Some(context) =
            models.iter().find(|info| info.id == *model).and_then(|info| info.context_tokens)
        {
            self.meter.context(context);
        }
        let params =
            json!({ "model": model.as_str(), "sampling": self.job.request.sampling, "prompt": prompt });
        let (store, claim) = (self.generations.inner.store.clone(), self.claim());
        let omitted = self.omitted.clone();
        match self.patiently(|| store.start_generation(claim, &params, &omitted)).await? {
            Ok(Started::Running) => Ok(None),
            Ok(Started::StopRequested) => {
                self.seat.stop_asked().cancel();
                Ok(None)
            }
            Ok(Started::Lost) => Err(Gone::Lost),
            Err(error) => Ok(Some(Ending::Failed(failure::internal(error)))),
        }
    }

    async fn write(&mut self, kind: TextKind, text: &str, tokens: &[i32]) -> Result<Option<Ending>, Gone> {
        let kind = match kind {
            TextKind::Answer => ChunkKind::Text,
            TextKind::Reasoning => ChunkKind::Reasoning,
        };
        let now = Instant::now();
        self.meter.tokens(u32::try_from(tokens.len()).unwrap_or(u32::MAX), now);
        if let Some(usage) = self.meter.report(now) {
            let generation_id = self.job.ids.generation_id;
            self.publish(LiveEvent::Stream(StreamEvent::Usage { generation_id, usage }));
        }
        // What is shown must be what is kept.
        let text = store::storable(text);
        let closing = self.generations.inner.closing.clone();
        match closing.run_until_cancelled(self.writer.append(kind, &text, tokens)).await {
            None => Err(Gone::Closing),
            Some(Ok(())) => Ok(None),
            Some(Err(error)) => unwritable(error).map(Some),
        }
    }

    /// Records the end and tells it. None where it was not ours to end.
    async fn finish(&mut self, mut ending: Ending) -> Option<Message> {
        let last_seq = match self.writer.flush().await {
            Ok(last_seq) => last_seq,
            Err(error) => {
                ending = unwritable(error).ok()?;
                self.writer.written_seq()
            }
        };
        let usage = Some(self.usage()).filter(|usage| usage.prompt_tokens > 0);
        let mut backoff = Backoff::default();
        let message = loop {
            let store = &self.generations.inner.store;
            match store.finish_generation(self.claim(), &ending, usage.as_ref()).await {
                Ok(message) => break message?,
                Err(error) if is_outage(&error) => backoff.wait().await,
                Err(error) => {
                    failure::internal(error);
                    return None;
                }
            }
        };
        let generation_id = self.job.ids.generation_id;
        self.publish(LiveEvent::Ended(Ended {
            generation_id,
            last_seq,
            event: end_event(generation_id, &message),
            message: message.clone(),
        }));
        self.generations.list_changed(self.job.user);
        self.generations.hints().moved(generation_id);
        Some(message)
    }

    /// The engine counts best; only the wait before it is known here alone.
    fn usage(&self) -> Usage {
        let metered = self.meter.usage();
        match self.engine_usage {
            None => metered,
            Some(usage) => Usage {
                prompt_tokens: usage.prompt_tokens,
                cached_tokens: usage.cached_tokens,
                completion_tokens: usage.completion_tokens,
                context_tokens: usage.context_tokens,
                first_token_ms: metered.first_token_ms,
                tokens_per_second: usage.tokens_per_second,
            },
        }
    }

    fn tell(&mut self, event: impl FnOnce(shared::GenerationId) -> StreamEvent) -> Option<Ending> {
        let event = event(self.job.ids.generation_id);
        self.seat.set_progress(event.clone());
        if self.progress.tell(&event, Instant::now()) {
            self.publish(LiveEvent::Stream(event));
        }
        None
    }

    /// The readers of this replica go on with what the new owner writes.
    fn leave_to_others(&self) {
        let place = Place {
            user_id: self.job.user,
            conversation_id: self.job.ids.conversation_id,
            generation_id: self.job.ids.generation_id,
        };
        self.generations.inner.follower.watch(place, self.writer.written_seq());
    }

    fn publish(&self, event: LiveEvent) {
        if let LiveEvent::Stream(event) = &event {
            self.generations.hints().progress(self.job.ids.conversation_id, event);
        }
        self.generations.hub().publish(Topic::Conversation(self.job.ids.conversation_id), event);
    }

    /// Asks the database until it answers or the server goes down.
    async fn patiently<T, F: Future<Output = Result<T, StoreError>>>(
        &self,
        mut ask: impl FnMut() -> F,
    ) -> Result<Result<T, StoreError>, Gone> {
        let mut backoff = Backoff::default();
        let asking = async {
            loop {
                match ask().await {
                    Err(error) if is_outage(&error) => backoff.wait().await,
                    answer => return answer,
                }
            }
        };
        self.generations.inner.closing.run_until_cancelled(asking).await.ok_or(Gone::Closing)
    }
}

/// What to do when text cannot be written.
fn unwritable(error: WriteError) -> Result<Ending, Gone> {
    match error {
        WriteError::Lost => Err(Gone::Lost),
        WriteError::Refused => Ok(Ending::Failed(failure::internal(error))),
    }
}
