//! From options that anybody may send to a request that the engine takes.

use engine::{Engine, ModelId, SamplingOptions, SamplingParams};
use serde::{Deserialize, Serialize};
use shared::{ContextPolicy, FieldError, GenerationOptions};

use crate::error::{AppError, AppResult};
use crate::services::model_choice;

/// What was asked for, as it is kept with the generation: whoever runs it begins with this.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StoredRequest {
    /// The model's id.
    pub model: String,
    /// As sent.
    pub options: GenerationOptions,
}

/// A request whose model exists and whose options are within their bounds.
#[derive(Clone, Debug)]
pub struct CheckedRequest {
    /// Which model answers.
    pub model: ModelId,
    /// How to sample.
    pub sampling: SamplingParams,
    /// What to do when the conversation is too long.
    pub context_policy: ContextPolicy,
}

impl StoredRequest {
    /// Checks model and options.
    ///
    /// # Errors
    /// `unknown_model`, or `invalid_fields` with `options.…` for each option that is out of bounds.
    pub fn check(&self, engine: &Engine) -> AppResult<CheckedRequest> {
        let options = &self.options;
        let sampling = SamplingOptions {
            temperature: options.temperature,
            top_p: options.top_p,
            top_k: options.top_k,
            min_p: options.min_p,
            repeat_penalty: options.repeat_penalty,
            presence_penalty: options.presence_penalty,
            frequency_penalty: options.frequency_penalty,
            seed: options.seed,
            max_tokens: options.max_tokens,
            stop: options.stop.clone(),
            ..SamplingOptions::default()
        }
        .check()
        .map_err(|invalid| {
            let fields = invalid
                .into_iter()
                .map(|option| FieldError {
                    field: format!("options.{}", option.field),
                    message: option.message,
                })
                .collect();
            AppError::fields(fields)
        })?;
        let model = model_choice::resolve(engine, Some(&self.model))?;
        Ok(CheckedRequest { model, sampling, context_policy: options.context_policy })
    }
}
