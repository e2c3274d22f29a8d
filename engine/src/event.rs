//! What happens to one answer.

use serde::{Deserialize, Serialize};

use crate::{LoadStage, Token};

/// Which text a piece belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TextKind {
    /// The answer.
    Answer,
    /// What the model thinks before it answers.
    Reasoning,
    /// The arguments of the tool call that began last: JSON.
    Arguments,
}

/// How likely a token was.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TokenLikelihood {
    /// Which token.
    pub token: Token,
    /// Its bytes; none for control tokens, possibly part of a character.
    pub bytes: Vec<u8>,
    /// Natural logarithm of its probability by the model alone, before temperature, penalties and cuts.
    pub logprob: f32,
}

/// How likely a token of an answer was, and what else could have stood there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TokenChoice {
    /// The token of the answer.
    pub chosen: TokenLikelihood,
    /// The likeliest, as many as asked for, likeliest first.
    pub top: Vec<TokenLikelihood>,
}

/// Why an answer ended well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FinishReason {
    /// The model ended its answer, or a stop string did.
    Stop,
    /// `max_tokens` or the end of the context was reached.
    Length,
    /// [`crate::Generation::stop`].
    Stopped,
}

/// Tokens and speeds of one answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens of the prompt.
    pub prompt_tokens: u32,
    /// How many of those had been evaluated before and were not evaluated again.
    pub cached_tokens: u32,
    /// Tokens that were sampled; those of `answer_so_far` are not counted.
    pub completion_tokens: u32,
    /// Tokens that prompt and answer may have together.
    pub context_tokens: u32,
    /// From [`crate::Engine::generate`] to the first token: loading, queue and prompt included.
    pub first_token_ms: u32,
    /// Tokens a second after the first one; 0 with fewer than two.
    pub tokens_per_second: f32,
    /// Tokens that were guessed ahead.
    pub drafted_tokens: u32,
    /// How many of those the model then chose.
    pub accepted_tokens: u32,
}

/// What happens to one answer.
///
/// `(Queued | Loading)* (Prompt Prefill* (Text | ToolCall)*)? (Done | Failed)`: exactly one `Done` or `Failed`, and
/// nothing after it. A consumer that lags sees fewer and larger `Text` events and only the newest of the others; past a
/// bound its answer waits for it, in its slot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum GenerationEvent {
    /// Waits for a slot.
    Queued {
        /// 1 is next.
        place: u32,
    },
    /// Waits for its model.
    Loading {
        /// What is being done to load it.
        stage: LoadStage,
        /// Of this stage, 0 to 1.
        fraction: f32,
    },
    /// Got a slot.
    Prompt {
        /// The prompt as the model reads it; kept with the answer, it lets the answer be continued.
        tokens: Vec<Token>,
        /// How many of them had been evaluated before.
        cached: u32,
    },
    /// The prompt is being read.
    Prefill {
        /// Tokens read, the cached ones included.
        done: u32,
        /// Tokens to read: the prompt and `answer_so_far`.
        total: u32,
    },
    /// A piece of the reply, never empty.
    Text {
        /// Which text it belongs to.
        kind: TextKind,
        /// Whole characters.
        text: String,
        /// The tokens that brought `text`. Those that brought no text, such as control tokens and the tags around
        /// reasoning and tool calls, are among those of the next event. None in a piece that holds what the end of the
        /// answer has left of a token: after such a piece nothing but its like follows, and they are never joined.
        tokens: Vec<Token>,
        /// Of each of `tokens`, where [`crate::SamplingOptions::logprobs`] asked for it; otherwise empty.
        choices: Vec<TokenChoice>,
    },
    /// The model calls a tool. The arguments follow as `Text` of kind [`TextKind::Arguments`]; the call is complete
    /// with the next `ToolCall` or the end.
    ToolCall {
        /// From 0.
        index: u32,
        /// For the result; where the model gave none, a function of prompt, seed and index.
        id: String,
        /// Of the tool.
        name: String,
        /// As in `Text`.
        tokens: Vec<Token>,
    },
    /// Ended well.
    Done {
        /// Why.
        reason: FinishReason,
        /// Tokens and speeds.
        usage: Usage,
    },
    /// Ended with an error; the text so far is good.
    Failed(GenerationError),
}

impl GenerationEvent {
    /// Whether it is the last one.
    pub fn is_end(&self) -> bool {
        matches!(self, Self::Done { .. } | Self::Failed(_))
    }
}

/// Why an answer failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum GenerationError {
    /// The prompt, with room for an answer, does not fit the model's context.
    #[error("the prompt has {prompt_tokens} tokens; this model reads {context_tokens}, the answer included")]
    ContextLength {
        /// Tokens of the prompt.
        prompt_tokens: u32,
        /// Tokens that prompt and answer may have together.
        context_tokens: u32,
    },
    /// The model cannot be loaded.
    #[error("{message}")]
    ModelUnusable {
        /// Why, and what to do.
        message: String,
    },
    /// The model's process died too often, and is started again soon: whoever can wait is answered then.
    #[error("{message}")]
    ModelResting {
        /// For people.
        message: String,
    },
    /// The worker process ended in the middle.
    #[error("the model's process ended unexpectedly")]
    WorkerDied,
    /// The model's chat template refused the messages.
    #[error("{message}")]
    Template {
        /// What it said.
        message: String,
    },
    /// The schema or grammar that the answer is bound to, or that of the tools, cannot be kept to.
    #[error("{message}")]
    Constraint {
        /// Why, and what to do.
        message: String,
    },
    /// The model cannot do what was asked for.
    #[error("{message}")]
    Unsupported {
        /// What, and what to do.
        message: String,
    },
    /// The engine is shutting down.
    #[error("the server is shutting down")]
    ShuttingDown,
    /// A fault of ours; for the log.
    #[error("{message}")]
    Internal {
        /// What happened.
        message: String,
    },
}
