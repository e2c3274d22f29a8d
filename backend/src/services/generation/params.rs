//! What a run was started with: all that another owner needs to go on with its answer. Kept with the generation.

use engine::{ModelId, SamplingOptions, SamplingParams, Token};
use serde::{Deserialize, Serialize};
use shared::MessageId;

/// As given to the engine.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Params {
    /// The model's id.
    pub model: String,
    /// Which file that was: see [`ModelFiles`](super::model_file::ModelFiles). None where it could not be read.
    #[serde(default)]
    pub file: Option<String>,
    /// How to sample, the seed included.
    pub sampling: SamplingParams,
    /// The prompt's tokens.
    pub prompt: Vec<Token>,
    /// Messages that were left out of the prompt.
    #[serde(default)]
    pub omitted: Vec<MessageId>,
}

impl Params {
    /// Of a run that begins now.
    pub fn new(
        model: &ModelId,
        file: Option<String>,
        sampling: SamplingParams,
        prompt: Vec<Token>,
        omitted: Vec<MessageId>,
    ) -> Self {
        Self { model: model.to_string(), file, sampling, prompt, omitted }
    }

    /// The same for an answer that goes on after `tokens` of it, and may have `most` more.
    pub fn with_room(self, tokens: u32, most: Option<u32>) -> Self {
        let max_tokens = most.map(|most| tokens.saturating_add(most));
        let options = SamplingOptions { max_tokens, ..self.sampling.clone().into() };
        // What was within its bounds still is.
        let sampling = options.check().unwrap_or(self.sampling);
        Self { sampling, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_read_back_and_room_is_counted_from_the_old_end() {
        let options = SamplingOptions { max_tokens: Some(5), seed: Some(9), ..SamplingOptions::default() };
        let kept =
            serde_json::json!({ "model": "m", "sampling": options.check().unwrap(), "prompt": [1, 2] });
        let params: Params = serde_json::from_value(kept).unwrap();
        assert_eq!((&params.file, params.prompt.len()), (&None, 2));
        let more = params.clone().with_room(5, Some(5));
        assert_eq!((more.sampling.max_tokens(), more.sampling.seed()), (Some(10), 9));
        assert_eq!(params.with_room(5, None).sampling.max_tokens(), None);
    }
}
