//! How much of a conversation that is too long would have to go.

use engine::{PromptSize, SamplingParams};
use shared::FinishReason;
use store::Ending;

use super::super::branch::{Branch, OmissionSearch};
use super::super::failure;
use super::{Gone, Runner};

/// Tokens kept free for an answer whose length nobody bounded; the engine keeps the same.
const ANSWER_TOKENS: u32 = 256;

impl Runner {
    /// The fewest oldest turns whose omission makes the rest fit; none where even the last turn is too long. The
    /// engine's failure, or a stop meanwhile, ends the answer.
    pub(super) async fn fewest_omitted(
        &mut self,
        branch: &Branch,
    ) -> Result<Result<Option<usize>, Ending>, Gone> {
        let inner = self.generations.inner.clone();
        let mut search = OmissionSearch::new(branch.most_omitted());
        while let Some(omitted) = search.next() {
            let messages = branch.without_oldest(omitted);
            let size = tokio::select! {
                biased;
                () = inner.closing.cancelled() => return Err(Gone::Closing),
                () = self.seat.stop_asked().cancelled() => {
                    return Ok(Err(Ending::Finished(FinishReason::Stopped)));
                }
                size = inner.engine.measure(&self.job.request.model, &messages) => size,
            };
            match size {
                Ok(size) => search.fits(omitted, fits(size, &self.job.request.sampling)),
                Err(error) => return Ok(Err(Ending::Failed(failure::engine(error)))),
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
