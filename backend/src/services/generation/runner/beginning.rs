//! The first request of an answer: the conversation as the model reads it, and how much of one that is too long would
//! have to go.
//!
//! ```text
//! read the branch ─→ ask the engine ─→
//!                       ↑     │ too long, and the oldest may go
//!                       └─────┘
//! ```

use engine::{EngineError, GenerateRequest, GenerationError, Priority, PromptSize, SamplingParams};
use shared::{ContextOverflow, ContextPolicy};
use store::{Ending, StoreError};

use super::super::branch::{Branch, OmissionSearch};
use super::super::failure;
use super::super::job::Beginning;
use super::{Attempt, Gone, Runner, STOPPED};

/// Tokens kept free for an answer whose length nobody bounded; the engine keeps the same.
const ANSWER_TOKENS: u32 = 256;

impl Runner {
    /// Asks the engine for an answer of which there is nothing yet.
    pub(super) async fn begin(&mut self) -> Result<Attempt, Gone> {
        let Some(Beginning { question, request }) = self.beginning.clone() else {
            return Ok(Ending::Failed(failure::internal("an answer without a request")).into());
        };
        let (store, user) = (self.generations.inner.store.clone(), self.job.user);
        let path = match self.patiently(|| store.branch(user, question)).await? {
            Ok(path) => path,
            // The conversation was deleted meanwhile.
            Err(StoreError::NotFound) => return Ok(STOPPED.into()),
            Err(error) => return Ok(Ending::Failed(failure::internal(error)).into()),
        };
        let branch = Branch::new(&path);
        let mut omitted = 0;
        loop {
            let attempt = self.attempt(GenerateRequest {
                model: request.model.clone(),
                user: self.generations.traces().user(user),
                conversation: Some(self.generations.traces().conversation(self.job.conversation_id)),
                prompt: branch.without_oldest(omitted).into(),
                sampling: request.sampling.clone(),
                answer_so_far: Vec::new(),
                priority: Priority::Chat,
            });
            let size = match attempt.await? {
                Attempt::TooLong(size) => size,
                attempt => return Ok(attempt),
            };
            let enough = match omitted {
                0 => match self.fewest_omitted(&branch).await? {
                    Ok(enough) => enough,
                    Err(attempt) => return Ok(attempt),
                },
                // The measurement was of the same prompt; should the engine see it otherwise, go on by one.
                _ => Some(omitted + 1).filter(|next| *next <= branch.most_omitted()),
            };
            match (request.context_policy, enough) {
                (ContextPolicy::OmitOldest, Some(enough)) => {
                    omitted = enough;
                    self.omitted = branch.oldest_ids(enough);
                }
                (_, enough) => {
                    return Ok(Ending::Failed(failure::context(ContextOverflow {
                        prompt_tokens: size.prompt_tokens,
                        context_tokens: size.context_tokens,
                        omit_message_ids: enough.map(|count| branch.oldest_ids(count)).unwrap_or_default(),
                    }))
                    .into());
                }
            }
        }
    }

    /// The fewest oldest turns whose omission makes the rest fit; none where even the last turn is too long. The
    /// engine's failure, or a stop meanwhile, is what became of the attempt.
    async fn fewest_omitted(&mut self, branch: &Branch) -> Result<Result<Option<usize>, Attempt>, Gone> {
        let inner = self.generations.inner.clone();
        let Some(Beginning { request, .. }) = &self.beginning else { return Ok(Ok(None)) };
        let mut search = OmissionSearch::new(branch.most_omitted());
        while let Some(omitted) = search.next() {
            let messages = branch.without_oldest(omitted);
            let size = tokio::select! {
                biased;
                () = inner.closing.cancelled() => return Err(Gone::Closing),
                () = self.seat.stop_asked().cancelled() => return Ok(Err(STOPPED.into())),
                size = inner.engine.measure(&request.model, messages) => size,
            };
            match size {
                Ok(size) => search.fits(omitted, fits(size, &request.sampling)),
                Err(EngineError::Failed(GenerationError::WorkerDied)) => return Ok(Err(Attempt::Died)),
                Err(error @ EngineError::Failed(GenerationError::ModelResting { .. })) => {
                    return Ok(Err(Attempt::Refused(error)));
                }
                Err(error) => return Ok(Err(Ending::Failed(failure::engine(error)).into())),
            }
        }
        Ok(Ok(search.result()))
    }
}

fn fits(size: PromptSize, sampling: &SamplingParams) -> bool {
    let reserve = sampling.max_tokens().unwrap_or(ANSWER_TOKENS).min(size.context_tokens / 4);
    size.prompt_tokens.saturating_add(reserve) <= size.context_tokens
}

#[cfg(test)]
mod tests {
    use engine::SamplingOptions;

    use super::*;

    fn fits_with(prompt_tokens: u32, max_tokens: Option<u32>) -> bool {
        let sampling = SamplingOptions { max_tokens, ..SamplingOptions::default() }.check().unwrap();
        fits(PromptSize { prompt_tokens, context_tokens: 2048 }, &sampling)
    }

    #[test]
    fn a_prompt_fits_when_there_is_room_for_an_answer() {
        assert!(fits_with(2048 - 256, None));
        assert!(!fits_with(2048 - 255, None));
        assert!(fits_with(2048 - 16, Some(16)));
        assert!(fits_with(2048 - 512, Some(2048)));
        assert!(!fits_with(2048 - 511, Some(2048)));
    }
}
