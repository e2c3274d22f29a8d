//! One conversion for each floor below: what of its errors a caller may know.

use engine::{EngineError, GenerationError};
use shared::ErrorCode;
use store::StoreError;

use super::AppError;

impl From<StoreError> for AppError {
    #[track_caller]
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound => {
                Self::new(ErrorCode::NotFound, "There is no such thing, or it is not yours.")
            }
            StoreError::Conflict => {
                Self::new(ErrorCode::Conflict, "This conflicts with what is there already.")
            }
            StoreError::InvalidCursor => {
                Self::field("cursor", "is not one that this list gave; begin again without it")
            }
            StoreError::Unavailable(_) => Self::fault(ErrorCode::DatabaseUnavailable, error),
            StoreError::StorageFull(_) => Self::fault(ErrorCode::StorageFull, error),
            StoreError::Internal(_) => Self::fault(ErrorCode::Internal, error),
        }
    }
}

impl From<EngineError> for AppError {
    #[track_caller]
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::UnknownModel { id } if id.is_empty() => Self::new(
                ErrorCode::UnknownModel,
                "There is no model yet. Put a GGUF file where MODEL_PATH points, then restart Oriel.",
            ),
            EngineError::UnknownModel { id } => Self::new(
                ErrorCode::UnknownModel,
                format!("There is no model {id:?}; GET /api/models lists those that are there."),
            ),
            EngineError::Overloaded { retry_after_s } => {
                let message =
                    format!("Too many answers are waiting already. Try again in {retry_after_s} seconds.");
                Self::new(ErrorCode::Overloaded, message).with_retry_after_s(retry_after_s)
            }
            EngineError::ShuttingDown => Self::new(ErrorCode::ShuttingDown, ""),
            EngineError::Failed(error) => error.into(),
        }
    }
}

impl From<GenerationError> for AppError {
    #[track_caller]
    fn from(error: GenerationError) -> Self {
        match error {
            // The services add which messages would have to go.
            GenerationError::ContextLength { prompt_tokens, context_tokens } => Self::new(
                ErrorCode::ContextLengthExceeded,
                format!(
                    "The conversation has {prompt_tokens} tokens; this model reads {context_tokens}, its answer included."
                ),
            ),
            GenerationError::ModelUnusable { message }
            | GenerationError::ModelResting { message }
            | GenerationError::Template { message } => Self::new(ErrorCode::ModelUnavailable, message),
            GenerationError::Constraint { message } | GenerationError::Unsupported { message } => {
                Self::new(ErrorCode::InvalidFields, message)
            }
            GenerationError::WorkerDied => Self::fault(ErrorCode::EngineFailed, error),
            GenerationError::ShuttingDown => Self::new(ErrorCode::ShuttingDown, ""),
            GenerationError::Internal { .. } => Self::fault(ErrorCode::EngineFailed, error),
        }
    }
}
