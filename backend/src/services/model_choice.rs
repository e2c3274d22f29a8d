//! Which model answers: the one that was asked for, or the default one. And how it is loaded, as the page is told.

use engine::{Engine, EngineError, ModelId};
use shared::ErrorCode;

use crate::error::{AppError, AppResult};

/// Resolves the model of a request.
///
/// # Errors
/// [`ErrorCode::UnknownModel`], with the names that can be used instead.
pub fn resolve(engine: &Engine, wanted: Option<&str>) -> AppResult<ModelId> {
    match engine.resolve(wanted) {
        Ok(model) => Ok(model),
        Err(EngineError::UnknownModel { .. }) => Err(unknown(engine, wanted)),
        Err(error) => Err(error.into()),
    }
}

/// What is being done to load a model, on the wire.
pub fn load_stage(stage: engine::LoadStage) -> shared::LoadStage {
    match stage {
        engine::LoadStage::Opening => shared::LoadStage::Opening,
        engine::LoadStage::Weights => shared::LoadStage::Weights,
        engine::LoadStage::Warming => shared::LoadStage::Warming,
        engine::LoadStage::Tuning => shared::LoadStage::Tuning,
    }
}

fn unknown(engine: &Engine, wanted: Option<&str>) -> AppError {
    let models = engine.models();
    let names: Vec<&str> = models.iter().map(|model| model.id.as_str()).collect();
    let message = match (wanted, names.is_empty()) {
        (_, true) => {
            "There is no model yet. Put a GGUF file where MODEL_PATH points, then restart.".to_owned()
        }
        (Some(wanted), false) => {
            format!("There is no model {wanted:?}. Choose one of: {}.", names.join(", "))
        }
        (None, false) => format!("No model is the default one. Choose one of: {}.", names.join(", ")),
    };
    AppError::new(ErrorCode::UnknownModel, message)
}
