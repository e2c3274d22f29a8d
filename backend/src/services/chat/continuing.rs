//! Going on with an answer that ended too early: because it failed, was stopped or reached its length.
//!
//! The answer itself stays as it ended. A sibling goes on: its journal begins with the old text and tokens, and its run
//! with the old prompt, so the model goes on where it was.

use std::time::Instant;

use engine::Engine;
use shared::{
    Author, Continue, ErrorCode, FinishReason, Message, MessageId, MessageStatus, SendAccepted, UserId,
};
use store::{NewContinuation, Snapshot};

use super::{Chat, sha256, still_running};
use crate::error::{AppError, AppResult};
use crate::services::absence::absent;
use crate::services::generation::{Params, StoredRequest, Work};

impl Chat {
    /// Keeps the place of an answer that goes on with `message_id`, and begins it.
    ///
    /// # Errors
    /// `not_found`, and `conflict` where it cannot be gone on with, with what to do instead.
    pub async fn go_on(
        &self,
        user: UserId,
        message_id: MessageId,
        request: Continue,
    ) -> AppResult<SendAccepted> {
        let accepted_at = Instant::now();
        self.refuse_while_closing()?;
        let store = self.generations.store();
        let message = store.message(user, message_id).await.map_err(absent("message"))?;
        check_end(&message)?;
        let Some(generation_id) = message.generation_id else { return Err(nothing_to_continue()) };
        let snapshot = store.snapshot(user, generation_id).await.map_err(absent("answer"))?;
        let params = self.params(&message, snapshot).await?;
        let new = NewContinuation {
            client_id: request.client_id,
            body_sha256: sha256(&(message_id, &request))?,
            message_id,
            params: serde_json::to_value(params).map_err(AppError::internal)?,
            owner: self.generations.owner(),
        };
        let chat = self.clone();
        self.to_its_end(async move {
            let outcome = chat.generations.store().begin_continuation(user, &new).await;
            chat.begin(user, outcome.map_err(absent("message"))?, Work::GoOn, accepted_at).await
        })
        .await
    }

    /// What the old run was started with, and as much room as was asked for then.
    async fn params(&self, message: &Message, snapshot: Snapshot) -> AppResult<Params> {
        let Snapshot { generation, assembled } = snapshot;
        if assembled.tokens.is_empty() {
            return Err(if generation.last_seq > 0 { journal_gone() } else { nothing_to_continue() });
        }
        let Some(params) = generation.params else { return Err(nothing_to_continue()) };
        let params: Params = serde_json::from_value(params).map_err(AppError::internal)?;
        if let Err(error) = self.generations.same_model(&params).await {
            return Err(conflict(error.message));
        }
        let tokens = u32::try_from(assembled.tokens.len()).unwrap_or(u32::MAX);
        check_room(self.generations.engine(), message, &params, tokens)?;
        let request: StoredRequest =
            serde_json::from_value(generation.request).map_err(AppError::internal)?;
        Ok(params.with_room(tokens, request.options.max_tokens))
    }
}

/// Only what ended before its time is gone on with.
fn check_end(message: &Message) -> AppResult<()> {
    let is_at_length = message.finish_reason == Some(FinishReason::Length);
    match message.status {
        _ if message.role != Author::Assistant => Err(conflict("Only an answer can be continued.")),
        MessageStatus::Pending | MessageStatus::Streaming => Err(still_running("This answer")),
        MessageStatus::Complete if !is_at_length => Err(conflict(
            "This answer is whole: there is nothing to continue. Regenerate it to get another one.",
        )),
        MessageStatus::Complete | MessageStatus::Stopped | MessageStatus::Failed => Ok(()),
    }
}

/// Prompt and answer together must leave room for at least one more token.
fn check_room(engine: &Engine, message: &Message, params: &Params, tokens: u32) -> AppResult<()> {
    let models = engine.models();
    let loaded = models.iter().find(|info| info.id.as_str() == params.model);
    let context_tokens = loaded.and_then(|info| info.context_tokens);
    let context_tokens = context_tokens.or(message.usage.map(|usage| usage.context_tokens)).unwrap_or(0);
    let used = params.prompt.len().saturating_add(tokens as usize);
    if context_tokens > 0 && used >= context_tokens as usize {
        return Err(conflict(format!(
            "The conversation fills the {context_tokens} tokens that this model reads, so the answer cannot get longer. Begin a new branch further up, or choose a model that reads more."
        )));
    }
    Ok(())
}

pub(super) fn nothing_to_continue() -> AppError {
    conflict("There is no text to go on from. Regenerate the answer.")
}

fn journal_gone() -> AppError {
    conflict(
        "What an answer needs to go on is kept for two days, and this one is older. Regenerate it, or ask in a new message to go on.",
    )
}

pub(super) fn continued_before() -> AppError {
    conflict("This answer is continued already. Load the conversation again to see how it goes on.")
}

fn conflict(message: impl Into<String>) -> AppError {
    AppError::new(ErrorCode::Conflict, message)
}
