//! Sending, answering again, going on, stopping: what a person does in a conversation.
//!
//! What is sent is kept in one transaction before anything else happens; then its answer begins by itself. Nothing
//! here waits for a model.

mod continuing;

use std::time::Instant;

use serde::Serialize;
use sha2::{Digest, Sha256};
use shared::{
    Author, ConversationId, ErrorCode, GenerationId, GenerationOptions, MessageId, Regenerate, SendAccepted,
    SendMessage, UserId, limits,
};
use store::{NewRegeneration, NewSend, Parent, SendOutcome, StopOutcome};

use super::absence::absent;
use super::generation::{Beginning, CheckedRequest, Generations, Job, StoredRequest, Work};
use super::model_choice;
use crate::error::{AppError, AppResult};

/// An answer ends when it ends; a repeat this soon costs one query.
const PARENT_RETRY_S: u32 = 2;

/// What a person can do in a conversation. Cheap to clone.
#[derive(Clone)]
pub struct Chat {
    generations: Generations,
}

/// What became of a stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopping {
    /// The answer is about to end.
    UnderWay,
    /// It had ended before.
    HadEnded,
}

impl Chat {
    /// Over the running answers.
    pub fn new(generations: Generations) -> Self {
        Self { generations }
    }

    /// Keeps a message and begins its answer. A repeat gives the same ids and begins nothing.
    ///
    /// # Errors
    /// `invalid_fields`, `not_found`, `unknown_model`, and `conflict` where the answer before it is still being
    /// written or the `client_id` was used with another body.
    pub async fn send(&self, user: UserId, request: SendMessage) -> AppResult<SendAccepted> {
        let accepted_at = Instant::now();
        self.refuse_while_closing()?;
        check_content(&request.content)?;
        let parent = self.parent(user, &request).await?;
        let (stored, checked) = self.check_for_send(user, &request).await?;
        let new = NewSend {
            client_id: request.client_id,
            body_sha256: sha256(&request)?,
            conversation_id: request.conversation_id,
            parent,
            content: request.content,
            model: Some(stored.model.clone()),
            request: serde_json::to_value(&stored).map_err(AppError::internal)?,
            owner: self.generations.owner(),
        };
        let chat = self.clone();
        self.to_its_end(async move {
            let outcome = chat.generations.store().begin_send(user, &new).await;
            let outcome = outcome.map_err(absent("conversation, or it has no such message"))?;
            chat.begin_new(user, outcome, checked, accepted_at).await
        })
        .await
    }

    /// Keeps the place of another answer beside `message_id` and begins it.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub async fn regenerate(
        &self,
        user: UserId,
        message_id: MessageId,
        request: Regenerate,
    ) -> AppResult<SendAccepted> {
        let accepted_at = Instant::now();
        self.refuse_while_closing()?;
        let message = self.generations.store().message(user, message_id).await.map_err(absent("message"))?;
        if message.status.is_running() {
            return Err(still_running("This answer"));
        }
        let used_last = self.model_of(user, message.conversation_id).await?;
        let model = request.model.as_deref().or(message.model.as_deref()).or(used_last.as_deref());
        let (stored, checked) = self.check(model, &request.options)?;
        let new = NewRegeneration {
            client_id: request.client_id,
            body_sha256: sha256(&(message_id, &request))?,
            message_id,
            model: Some(stored.model.clone()),
            request: serde_json::to_value(&stored).map_err(AppError::internal)?,
            owner: self.generations.owner(),
        };
        let chat = self.clone();
        self.to_its_end(async move {
            let outcome = chat.generations.store().begin_regenerate(user, &new).await;
            chat.begin_new(user, outcome.map_err(absent("message"))?, checked, accepted_at).await
        })
        .await
    }

    /// Ends an answer, before its first word too. One that has ended stays as it ended.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn stop(&self, user: UserId, id: GenerationId) -> AppResult<Stopping> {
        match self.generations.store().request_stop(user, id).await.map_err(absent("answer"))? {
            StopOutcome::AlreadyEnded => Ok(Stopping::HadEnded),
            StopOutcome::Requested { .. } => {
                self.generations.stop(id);
                Ok(Stopping::UnderWay)
            }
        }
    }

    /// What the message follows. Only an answer can be followed: a question has its own.
    async fn parent(&self, user: UserId, request: &SendMessage) -> AppResult<Parent> {
        let Some(id) = request.parent_id else {
            return Ok(if request.from_start { Parent::Start } else { Parent::ActiveLeaf });
        };
        if request.from_start {
            return Err(AppError::field("from_start", "must not be set together with parent_id"));
        }
        let Some(conversation_id) = request.conversation_id else {
            return Err(AppError::field("parent_id", "needs the conversation_id that it belongs to"));
        };
        let parent = self.generations.store().message(user, id).await.map_err(absent("parent message"))?;
        if parent.conversation_id != conversation_id {
            return Err(AppError::not_found("parent message in this conversation"));
        }
        if parent.role != Author::Assistant {
            return Err(AppError::field(
                "parent_id",
                "must be an answer; to replace a message, follow its own parent",
            ));
        }
        Ok(Parent::Message(id))
    }

    async fn check_for_send(
        &self,
        user: UserId,
        request: &SendMessage,
    ) -> AppResult<(StoredRequest, CheckedRequest)> {
        let used_last = match (&request.model, request.conversation_id) {
            (None, Some(id)) => self.model_of(user, id).await?,
            _ => None,
        };
        self.check(request.model.as_deref().or(used_last.as_deref()), &request.options)
    }

    async fn model_of(&self, user: UserId, id: ConversationId) -> AppResult<Option<String>> {
        let conversation = self.generations.store().conversation(user, id).await;
        Ok(conversation.map_err(absent("conversation"))?.model)
    }

    fn check(
        &self,
        model: Option<&str>,
        options: &GenerationOptions,
    ) -> AppResult<(StoredRequest, CheckedRequest)> {
        let model = model_choice::resolve(self.generations.engine(), model)?;
        let stored = StoredRequest { model: model.to_string(), options: options.clone() };
        let checked = stored.check(self.generations.engine())?;
        Ok((stored, checked))
    }

    async fn begin_new(
        &self,
        user: UserId,
        outcome: SendOutcome,
        request: CheckedRequest,
        accepted_at: Instant,
    ) -> AppResult<SendAccepted> {
        let work = match outcome {
            SendOutcome::Began(ids) => {
                Work::Begin(Box::new(Beginning { question: ids.user_message_id, request }))
            }
            _ => Work::GoOn,
        };
        self.begin(user, outcome, work, accepted_at).await
    }

    async fn begin(
        &self,
        user: UserId,
        outcome: SendOutcome,
        work: Work,
        accepted_at: Instant,
    ) -> AppResult<SendAccepted> {
        match outcome {
            SendOutcome::Began(ids) => {
                self.generations.begin(Job::new(user, ids, self.generations.owner(), accepted_at, work));
                self.generations.begun(user, ids);
                Ok(ids)
            }
            SendOutcome::Repeated(ids) => {
                self.generations.adopt(user, ids.generation_id).await?;
                Ok(ids)
            }
            SendOutcome::Conflict => Err(AppError::new(
                ErrorCode::Conflict,
                "This client_id was used for another request. Make a new one for every message.",
            )),
            SendOutcome::ContinuedBefore(_) => Err(continuing::continued_before()),
            SendOutcome::NothingToContinue => Err(continuing::nothing_to_continue()),
            // Whoever waits needs nothing else: the page's outbox does.
            SendOutcome::ParentRunning(_) => {
                Err(still_running("The answer before this message").with_retry_after_s(PARENT_RETRY_S))
            }
        }
    }

    /// Runs on the main runtime: a person who leaves in the middle must not leave a kept message without its
    /// runner.
    async fn to_its_end<T: Send + 'static>(
        &self,
        work: impl Future<Output = AppResult<T>> + Send + 'static,
    ) -> AppResult<T> {
        self.generations.runtime().spawn(work).await.map_err(AppError::internal)?
    }

    fn refuse_while_closing(&self) -> AppResult<()> {
        match self.generations.closing().is_cancelled() {
            true => Err(AppError::new(ErrorCode::ShuttingDown, "The server is restarting.")),
            false => Ok(()),
        }
    }
}

fn check_content(content: &str) -> AppResult<()> {
    let (bytes, most) = (content.len(), limits::MESSAGE_MAX_BYTES);
    if content.trim().is_empty() {
        return Err(AppError::field("content", "must not be empty"));
    }
    if bytes > most {
        return Err(AppError::field("content", format!("must have at most {most} bytes, and has {bytes}")));
    }
    Ok(())
}

fn still_running(what: &str) -> AppError {
    AppError::new(
        ErrorCode::Conflict,
        format!("{what} is still being written. Wait for its end, or stop it, then try again."),
    )
}

/// What makes two requests the same.
fn sha256(request: &impl Serialize) -> AppResult<[u8; 32]> {
    let bytes = serde_json::to_vec(request).map_err(AppError::internal)?;
    Ok(Sha256::digest(&bytes).into())
}
