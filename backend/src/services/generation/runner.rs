//! Runs one answer to its recorded end: from its kept request, or from wherever its journal stands.
//!
//! ```text
//!           ┌─ nothing yet: read the branch ──┐
//! take stock┤                                 ├→ ask the engine ─→ write its text ─→ record the end ─→ tell the readers
//!           └─ begun: read the journal ───────┘         │
//!                  ↑                                    │
//!                  └── its process died, or has no room ┘
//! ```
//!
//! Every runner records exactly one end, unless the generation has another owner or the server goes down: then
//! whoever runs it next does. Readers and requests come and go without it.

mod attempt;
mod beginning;
mod going_on;

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::time::Instant;

use engine::ModelId;
use futures_util::FutureExt;
use shared::{ContextOverflow, FinishReason, GenerationId, Message, MessageId, StreamEvent, Usage};
use store::{Ending, Place, StoreError};
use tokio_util::sync::CancellationToken;

use super::backoff::{Backoff, is_outage};
use super::job::{Beginning, Job, Work};
use super::journal::{Target, WriteError, Writer};
use super::live::{Ended, LiveEvent, Topic};
use super::meter::Meter;
use super::params::Params;
use super::progress::Progress;
use super::registry::Seat;
use super::{Generations, end_event, failure};
use crate::services::title;
use attempt::Attempt;

/// Runs `job`. Whoever takes the generation over makes this end at once, and gets the seat.
pub(super) async fn run(generations: Generations, seat: Seat, job: Job) {
    let lost = seat.lost().clone();
    let runner = Runner::new(generations, seat, job);
    lost.run_until_cancelled_owned(runner.run()).await;
}

/// Why a runner leaves without recording an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gone {
    /// The generation has another owner.
    Lost,
    /// The server goes down.
    Closing,
}

struct Runner {
    generations: Generations,
    job: Job,
    writer: Writer,
    meter: Meter,
    progress: Progress,
    /// What to begin with, where nothing was given to the engine yet.
    beginning: Option<Beginning>,
    /// What the engine was given; kept with the generation before any text.
    params: Option<Params>,
    /// The database knows that it runs.
    started: bool,
    /// Messages that were left out.
    omitted: Vec<MessageId>,
    model: Option<ModelId>,
    /// Tokens that were in the journal when the engine was asked last.
    earlier_tokens: u32,
    /// What its former runner was waited for, until its first token.
    first_token_ms: u32,
    engine_deaths: u32,
    /// Since when the engine has no room for it.
    refused_since: Option<Instant>,
    backoff: Backoff,
    engine_usage: Option<engine::Usage>,
    /// Last: whoever takes over may write when the writer is gone.
    seat: Seat,
}

impl Runner {
    fn new(generations: Generations, seat: Seat, job: Job) -> Self {
        let writer = generations.inner.journal.writer(Target {
            user_id: job.user,
            generation_id: job.claim.generation_id,
            message_id: job.message_id,
            conversation_id: job.conversation_id,
            epoch: job.claim.epoch,
        });
        let beginning = match &job.work {
            Work::Begin(beginning) => Some((**beginning).clone()),
            Work::GoOn => None,
        };
        Self {
            generations,
            meter: Meter::new(job.accepted_at),
            job,
            writer,
            progress: Progress::default(),
            beginning,
            params: None,
            started: false,
            omitted: Vec::new(),
            model: None,
            earlier_tokens: 0,
            first_token_ms: 0,
            engine_deaths: 0,
            refused_since: None,
            backoff: Backoff::default(),
            engine_usage: None,
            seat,
        }
    }

    async fn run(mut self) {
        let outcome = AssertUnwindSafe(self.produce()).catch_unwind().await;
        let ending = match outcome {
            Ok(Ok(ending)) => ending,
            Ok(Err(Gone::Lost)) => return self.leave_to_others(),
            Ok(Err(Gone::Closing)) => {
                // What was not written was never shown.
                let _ = self.writer.flush().await;
                return;
            }
            // The panic hook has told the log what and where.
            Err(_panic) => Ending::Failed(failure::internal("the runner of an answer panicked")),
        };
        if let Some(message) = self.finish(ending).await {
            title::after_answer(&self.generations, self.job.user, self.model.clone(), message);
        }
    }

    async fn produce(&mut self) -> Result<Ending, Gone> {
        if let Some(ending) = self.take_stock().await? {
            return Ok(ending);
        }
        loop {
            let attempt = match self.params.clone() {
                None => self.begin().await?,
                Some(params) => self.go_on(params).await?,
            };
            let ending = match attempt {
                Attempt::Ended(ending) => Some(ending),
                Attempt::TooLong(size) => Some(Ending::Failed(failure::context(ContextOverflow {
                    prompt_tokens: size.prompt_tokens,
                    context_tokens: size.context_tokens,
                    omit_message_ids: Vec::new(),
                }))),
                Attempt::Died => self.note_death().await?,
                Attempt::Refused(error) => self.wait_for_room(error).await?,
            };
            if let Some(ending) = ending {
                return Ok(ending);
            }
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
            match store.finish_generation(self.job.claim, &ending, usage.as_ref()).await {
                Ok(message) => break message?,
                Err(error) if is_outage(&error) => backoff.wait_for(store).await,
                Err(error) => {
                    failure::internal(error);
                    return None;
                }
            }
        };
        let generation_id = self.id();
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

    /// The engine counts best; only the wait before it, and what came before it, are known here alone.
    fn usage(&self) -> Usage {
        let metered = self.meter.usage();
        match self.engine_usage {
            Some(usage) if usage.prompt_tokens > 0 => Usage {
                prompt_tokens: usage.prompt_tokens,
                cached_tokens: usage.cached_tokens,
                completion_tokens: self.earlier_tokens + usage.completion_tokens,
                context_tokens: usage.context_tokens,
                first_token_ms: metered.first_token_ms,
                tokens_per_second: usage.tokens_per_second,
            },
            _ => metered,
        }
    }

    fn id(&self) -> GenerationId {
        self.job.claim.generation_id
    }

    fn closing(&self) -> CancellationToken {
        self.generations.inner.closing.clone()
    }

    /// The readers of this replica go on with what the new owner writes.
    fn leave_to_others(&self) {
        let place = Place {
            user_id: self.job.user,
            conversation_id: self.job.conversation_id,
            generation_id: self.id(),
        };
        self.generations.inner.follower.watch(place, self.writer.written_seq());
    }

    fn tell(&mut self, event: StreamEvent) {
        self.seat.set_progress(event.clone());
        if self.progress.tell(&event, Instant::now()) {
            self.publish(LiveEvent::Stream(event));
        }
    }

    fn publish(&self, event: LiveEvent) {
        if let LiveEvent::Stream(event) = &event {
            self.generations.hints().progress(self.job.conversation_id, event);
        }
        self.generations.hub().publish(Topic::Conversation(self.job.conversation_id), event);
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
                    Err(error) if is_outage(&error) => backoff.wait_for(&self.generations.inner.store).await,
                    answer => return answer,
                }
            }
        };
        self.generations.inner.closing.run_until_cancelled(asking).await.ok_or(Gone::Closing)
    }
}

/// An end that somebody asked for.
const STOPPED: Ending = Ending::Finished(FinishReason::Stopped);

/// What to do when text cannot be written.
fn unwritable(error: WriteError) -> Result<Ending, Gone> {
    match error {
        WriteError::Lost => Err(Gone::Lost),
        WriteError::Refused => Ok(Ending::Failed(failure::internal(error))),
    }
}
