//! What a chat completion took: tokens and times, as clients read it.

use serde::Serialize;
use utoipa::ToSchema;

use crate::services::completions::{Timings, TokenCounts};

/// Tokens of a request and its answers.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[schema(as = OpenAiUsage)]
pub(in crate::routes) struct Usage {
    prompt_tokens: u32,
    /// Of all answers together.
    completion_tokens: u32,
    total_tokens: u32,
    prompt_tokens_details: PromptTokens,
    completion_tokens_details: CompletionTokens,
}

/// Where the prompt's tokens came from.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub(in crate::routes) struct PromptTokens {
    /// Read before, and not read again.
    cached_tokens: u32,
}

/// What the answers' tokens were for.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub(in crate::routes) struct CompletionTokens {
    /// For thinking.
    reasoning_tokens: u32,
}

impl From<TokenCounts> for Usage {
    fn from(counts: TokenCounts) -> Self {
        Self {
            prompt_tokens: counts.prompt,
            completion_tokens: counts.completion,
            total_tokens: counts.prompt.saturating_add(counts.completion),
            prompt_tokens_details: PromptTokens { cached_tokens: counts.cached },
            completion_tokens_details: CompletionTokens { reasoning_tokens: counts.reasoning },
        }
    }
}

/// Times in milliseconds and speeds in tokens a second, by the names that clients of llama.cpp's server know.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[schema(as = Timings)]
pub(in crate::routes) struct TimingsView {
    /// Until a slot was given: loading and queue.
    wait_ms: f64,
    /// Tokens of the prompt that had been read before.
    cache_n: u32,
    /// Tokens of the prompt that were read.
    prompt_n: u32,
    /// From the slot to the first token.
    prompt_ms: f64,
    prompt_per_second: f64,
    /// Tokens of the answers.
    predicted_n: u32,
    /// From the first token to the last one.
    predicted_ms: f64,
    predicted_per_second: f64,
    /// Tokens that were guessed ahead; not those of a `prediction` that the client sends.
    draft_n: u32,
    /// How many of those the model then chose.
    draft_n_accepted: u32,
}

impl From<Timings> for TimingsView {
    fn from(timings: Timings) -> Self {
        Self {
            wait_ms: timings.wait_ms,
            cache_n: timings.cache_n,
            prompt_n: timings.prompt_n,
            prompt_ms: timings.prompt_ms,
            prompt_per_second: timings.prompt_per_second,
            predicted_n: timings.predicted_n,
            predicted_ms: timings.predicted_ms,
            predicted_per_second: timings.predicted_per_second,
            draft_n: timings.draft_n,
            draft_n_accepted: timings.draft_n_accepted,
        }
    }
}
