//! Models as the page sees them.

use serde::{Deserialize, Serialize};

/// What is being done to load a model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum LoadStage {
    /// The file is looked at.
    #[default]
    Opening,
    /// The weights are read.
    Weights,
    /// The first token is evaluated.
    Warming,
    /// Measured, once for a model on a machine.
    Tuning,
}

/// Where a model is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum ModelState {
    /// On disk; loaded when it is first asked for.
    Unloaded,
    /// Being read into memory.
    Loading {
        /// What is being done.
        #[serde(default)]
        stage: LoadStage,
        /// Of this stage, 0 to 1.
        fraction: f32,
    },
    /// Answers at once.
    Ready,
    /// Finishing its answers, then unloaded.
    Draining,
    /// Cannot be used.
    Failed {
        /// Why, and what to do.
        message: String,
    },
}

/// A model that can be chosen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Model {
    /// The file's stem in lower case without its quantisation: `smollm2-135m-instruct`.
    pub id: String,
    /// The name in the file, for people.
    pub name: String,
    /// Size of the file.
    pub size_bytes: u64,
    /// Tokens that prompt and answer may have together; none before the model was loaded once.
    pub context_tokens: Option<u32>,
    /// Where it is.
    pub state: ModelState,
    /// Used where a request names none.
    pub default: bool,
}
