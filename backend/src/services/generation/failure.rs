//! How an answer's failure is told: the error that is kept with the message and sent to its readers.

use engine::{EngineError, GenerationError};
use shared::{ApiError, ContextOverflow, ErrorCode};

use crate::AppError;

/// The engine refused or gave up. What only the log may know goes there, once.
pub fn engine(error: EngineError) -> ApiError {
    match error {
        EngineError::Failed(error) => generation(error),
        error => log(AppError::from(error)),
    }
}

/// The engine failed in the middle.
pub fn generation(error: GenerationError) -> ApiError {
    log(AppError::from(error))
}

/// A fault of ours.
pub fn internal(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> ApiError {
    log(AppError::internal(cause))
}

/// The conversation does not fit.
pub fn context(overflow: ContextOverflow) -> ApiError {
    let ContextOverflow { prompt_tokens, context_tokens, ref omit_message_ids } = overflow;
    let way_on = match omit_message_ids.len() {
        0 => "Your last message alone is too long for it: shorten it, or choose a model that reads more."
            .to_owned(),
        count => format!("Go on without the oldest {count} messages, or begin a new branch further up."),
    };
    let message = format!(
        "The conversation has {prompt_tokens} tokens; this model reads {context_tokens}, the answer included. {way_on}"
    );
    AppError::new(ErrorCode::ContextLengthExceeded, message).with_context(overflow).into_body()
}

/// What was asked for cannot be begun any more.
pub fn refused(error: AppError) -> ApiError {
    log(error)
}

/// The model's process died once more in the same answer.
pub fn engine_died_again(has_text: bool) -> ApiError {
    let message = if has_text {
        "The model's process ended twice in the middle of this answer. The text so far is kept: press Continue to go on from there."
    } else {
        "The model's process ended twice before the first word of this answer. Regenerate the answer, or choose another model."
    };
    ApiError::new(ErrorCode::EngineFailed, message)
}

/// The model of an answer that has to go on is gone.
pub fn model_missing(model: &str) -> ApiError {
    let message = format!(
        "The model {model} that began this answer is gone. The text so far is kept: put the model back and press Continue, or regenerate the answer with another one."
    );
    ApiError::new(ErrorCode::ModelUnavailable, message)
}

/// The model of an answer that has to go on is another one now.
pub fn model_replaced(model: &str) -> ApiError {
    let message = format!(
        "The file of the model {model} was replaced after this answer had begun, and the new one cannot go on with it. The text so far is kept: regenerate the answer to get a whole one."
    );
    ApiError::new(ErrorCode::ModelUnavailable, message)
}

fn log(error: AppError) -> ApiError {
    if let Some(cause) = error.cause_chain() {
        tracing::error!(code = ?error.code(), place = %error.place(), %cause, "an answer failed");
    }
    error.into_body()
}
