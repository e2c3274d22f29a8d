//! Going on with an answer from where its journal stands: after a restart, for another owner, after the death of the
//! model's process, or because a person wants more of it. All are the same: prompt and answer so far are given to the
//! engine as the tokens they were, and what follows is appended.

use std::time::{Duration, Instant};

use engine::{EngineError, GenerateRequest, GenerationError, Priority, Prompt};
use shared::FinishReason;
use store::{Assembled, Ending, GenerationRow, GenerationStatus, StoreError};
use time::OffsetDateTime;

use super::super::chunk_event;
use super::super::failure;
use super::super::job::{Beginning, Work};
use super::super::live::LiveEvent;
use super::super::params::Params;
use super::super::request::StoredRequest;
use super::{Attempt, Gone, Runner, STOPPED, unwritable};

/// Deaths of the engine under one answer that end it. One may be an accident; the second was likely its own doing, and
/// takes the answers beside it down too.
const ENGINE_DEATHS_MAX: u32 = 2;
/// How long an answer waits for a model that cannot be used: longer than the pool rests after a few deaths, and as long
/// as a person looks at an answer that does not move.
const UNUSABLE_FOR: Duration = Duration::from_secs(60);
/// Chunks that a continued answer begins with: one for each change between reasoning and answer. Readers heal from the
/// journal where there are more.
const BEGINNING_CHUNKS: u32 = 64;
/// Tokens that the end may have left out of the journal: those of one character, four bytes at most.
const CUT_TOKENS: usize = 4;

impl Runner {
    /// Finds out how far the answer is, unless it begins here and now. Gives its end where that is all that is left.
    pub(super) async fn take_stock(&mut self) -> Result<Option<Ending>, Gone> {
        if matches!(self.job.work, Work::Begin(_)) {
            return Ok(None);
        }
        // Now that the seat is taken, a stop that is not seen here will be told.
        let (store, user, id) = (self.generations.inner.store.clone(), self.job.user, self.id());
        let row = match self.patiently(|| store.generation(user, id)).await? {
            Ok(row) => row,
            Err(error) => return unreadable(error).map(Some),
        };
        if let Some(ending) = self.see(&row)? {
            return Ok(Some(ending));
        }
        self.engine_deaths = row.engine_deaths;
        self.started = row.status == GenerationStatus::Running;
        self.first_token_ms = row.started_at.map_or(0, |started| waited_ms(row.created_at, started));
        match row.params {
            Some(params) => match serde_json::from_value(params) {
                Ok(params) => self.params = Some(params),
                Err(error) => return Ok(Some(Ending::Failed(failure::internal(error)))),
            },
            None => return self.take_request(row.request).await,
        }
        Ok(None)
    }

    /// Nothing was given to the engine yet: it begins from what was asked for.
    async fn take_request(&mut self, request: serde_json::Value) -> Result<Option<Ending>, Gone> {
        let request = match serde_json::from_value::<StoredRequest>(request) {
            Ok(request) => request.check(&self.generations.inner.engine),
            Err(error) => return Ok(Some(Ending::Failed(failure::internal(error)))),
        };
        let request = match request {
            Ok(request) => request,
            Err(error) => return Ok(Some(Ending::Failed(failure::refused(error)))),
        };
        let (store, user, answer) =
            (self.generations.inner.store.clone(), self.job.user, self.job.message_id);
        let question = match self.patiently(|| store.message(user, answer)).await? {
            Ok(message) => message.parent_id,
            Err(error) => return unreadable(error).map(Some),
        };
        self.beginning = question.map(|question| Beginning { question, request });
        Ok(None)
    }

    /// Asks the engine for what follows the journal.
    pub(super) async fn go_on(&mut self, params: Params) -> Result<Attempt, Gone> {
        let closing = self.closing();
        match closing.run_until_cancelled(self.writer.flush()).await {
            None => return Err(Gone::Closing),
            Some(Ok(_last_seq)) => {}
            Some(Err(error)) => return unwritable(error).map(Attempt::Ended),
        }
        let (store, user, id) = (self.generations.inner.store.clone(), self.job.user, self.id());
        let snapshot = match self.patiently(|| store.snapshot(user, id)).await? {
            Ok(snapshot) => snapshot,
            Err(error) => return unreadable(error).map(Attempt::Ended),
        };
        let written = snapshot.assembled;
        self.earlier_tokens = u32::try_from(written.tokens.len()).unwrap_or(u32::MAX);
        self.meter.prompt(u32::try_from(params.prompt.len()).unwrap_or(u32::MAX), 0);
        self.meter.go_on(self.earlier_tokens, self.first_token_ms);
        self.writer.go_on_after(&written);
        if let Some(ending) = self.see(&snapshot.generation)? {
            return Ok(ending.into());
        }
        if !self.started && written.seq > 0 {
            self.tell_written().await?;
        }
        if written.is_cut {
            return Ok(Ending::Finished(reason_of_cut(&params, &written)).into());
        }
        let model = match self.generations.same_model(&params).await {
            Ok(model) => model,
            Err(error) => return Ok(Ending::Failed(error).into()),
        };
        tracing::debug!(generation = %id, epoch = self.job.claim.epoch, tokens = self.earlier_tokens, "going on");
        self.attempt(GenerateRequest {
            model,
            user: self.generations.traces().user(user),
            conversation: Some(self.generations.traces().conversation(self.job.conversation_id)),
            prompt: Prompt::Tokens(params.prompt),
            sampling: params.sampling,
            answer_so_far: written.tokens,
            priority: Priority::Chat,
        })
        .await
    }

    /// An answer that goes on with another one begins with its text, which nobody has been told of. Whoever hears it twice
    /// skips it.
    async fn tell_written(&self) -> Result<(), Gone> {
        let (store, user, id) = (&self.generations.inner.store, self.job.user, self.id());
        if let Ok(read) = self.patiently(|| store.journal_after(user, id, 0, BEGINNING_CHUNKS)).await? {
            for chunk in read.chunks {
                self.publish(LiveEvent::Stream(chunk_event(id, self.job.message_id, chunk)));
            }
        }
        Ok(())
    }

    /// Whether the generation is still ours, and is still wanted.
    fn see(&self, row: &GenerationRow) -> Result<Option<Ending>, Gone> {
        if row.claim() != self.job.claim || !row.status.is_unfinished() {
            return Err(Gone::Lost);
        }
        let is_stopping = row.status == GenerationStatus::Stopping || self.seat.stop_asked().is_cancelled();
        Ok(is_stopping.then_some(STOPPED))
    }

    /// Counts a death of the model's process. The last one that is borne ends the answer.
    pub(super) async fn note_death(&mut self) -> Result<Option<Ending>, Gone> {
        self.engine_deaths += 1;
        let (store, claim, deaths) =
            (self.generations.inner.store.clone(), self.job.claim, self.engine_deaths);
        match self.patiently(|| store.note_engine_deaths(claim, deaths)).await? {
            Ok(true) => {}
            Ok(false) => return Err(Gone::Lost),
            Err(error) => return Ok(Some(Ending::Failed(failure::internal(error)))),
        }
        if self.seat.stop_asked().is_cancelled() {
            return Ok(Some(STOPPED));
        }
        tracing::warn!(generation = %self.id(), deaths, "the model's process died in an answer");
        let has_text = self.meter.usage().completion_tokens > 0;
        Ok((deaths >= ENGINE_DEATHS_MAX).then(|| Ending::Failed(failure::engine_died_again(has_text))))
    }

    /// The engine has no room, or cannot use the model. An answer that was promised waits; one that was asked for just
    /// now is refused, and its person knows best when to ask again. For a model that rests both wait.
    pub(super) async fn wait_for_room(&mut self, error: EngineError) -> Result<Option<Ending>, Gone> {
        let is_promised = matches!(self.job.work, Work::GoOn) || self.engine_deaths > 0;
        let is_resting = matches!(error, EngineError::Failed(GenerationError::ModelResting { .. }));
        let since = *self.refused_since.get_or_insert_with(Instant::now);
        let is_unusable = matches!(error, EngineError::Failed(_));
        if !(is_promised || is_resting) || (is_unusable && since.elapsed() >= UNUSABLE_FOR) {
            return Ok(Some(Ending::Failed(failure::engine(error))));
        }
        let (closing, stop) = (self.closing(), self.seat.stop_asked().clone());
        tokio::select! {
            biased;
            () = closing.cancelled() => Err(Gone::Closing),
            () = stop.cancelled() => Ok(Some(STOPPED)),
            () = self.backoff.wait() => Ok(None),
        }
    }
}

fn unreadable(error: StoreError) -> Result<Ending, Gone> {
    match error {
        // The conversation was deleted for good: there is nothing to end.
        StoreError::NotFound => Err(Gone::Lost),
        error => Ok(Ending::Failed(failure::internal(error))),
    }
}

/// Why an answer ended whose last piece is the beginning of a token: the record of it was lost.
fn reason_of_cut(params: &Params, written: &Assembled) -> FinishReason {
    match params.sampling.max_tokens() {
        Some(most) if written.tokens.len() + CUT_TOKENS >= most as usize => FinishReason::Length,
        _ => FinishReason::Stop,
    }
}

fn waited_ms(from: OffsetDateTime, until: OffsetDateTime) -> u32 {
    u32::try_from((until - from).whole_milliseconds()).unwrap_or(0)
}
