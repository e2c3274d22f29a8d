//! The engine as the backend sees it.

use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::watch;

use crate::{ChatMessage, GenerateRequest, Generation, GenerationError, ModelId, ModelInfo};

/// Where things are and how much may be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EngineConfig {
    /// The worker program, `oriel-engine`.
    pub worker: PathBuf,
    /// A GGUF file, or a directory of them.
    pub model_path: PathBuf,
    /// For what the engine keeps between runs.
    pub state_dir: PathBuf,
    /// Answers that run at once in one model, at least 1.
    pub slots: u32,
    /// Tokens that prompt and answer may have together; none: what the model was trained for, at most 8,192.
    pub context_tokens: Option<u32>,
    /// Threads that one model decodes with; none: the machine's cores.
    pub threads: Option<u32>,
    /// Requests that may wait per model, beside those that run.
    pub queue_capacity: usize,
    /// A model that nobody asked for so long is unloaded; none: never.
    pub idle_unload: Option<Duration>,
    /// Memory that loaded models may take together; none: no bound.
    pub memory_budget_bytes: Option<u64>,
}

/// Why the engine could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The worker program is missing or cannot be run.
    #[error(
        "the engine program {path} cannot be used: {cause}; build it with `cargo build --release -p engine-llama` or set ENGINE_PATH"
    )]
    Worker {
        /// Where it was looked for.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// The model file or directory cannot be read.
    #[error(
        "the model path {path} cannot be read: {cause}; set MODEL_PATH to a GGUF file or a directory of them"
    )]
    ModelPath {
        /// Where it was looked for.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// The directory for the engine's own files cannot be made.
    #[error("the directory {path} cannot be made: {cause}")]
    StateDir {
        /// Where it should be.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
}

/// Why a request was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// No model has this id.
    #[error("there is no model {id:?}")]
    UnknownModel {
        /// What was asked for; empty where there are no models at all.
        id: String,
    },
    /// The model's queue is full.
    #[error("too many requests are waiting; try again in {retry_after_s} s")]
    Overloaded {
        /// When it is worth trying again, in seconds.
        retry_after_s: u32,
    },
    /// The engine is shutting down.
    #[error("the server is shutting down")]
    ShuttingDown,
    /// The model could not do it ([`crate::Engine::measure`] and [`crate::Engine::load`] only).
    #[error(transparent)]
    Failed(#[from] GenerationError),
}

/// How long a prompt is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PromptSize {
    /// Tokens of the prompt.
    pub prompt_tokens: u32,
    /// Tokens that prompt and answer may have together.
    pub context_tokens: u32,
}

/// All models and their workers. Cheap to clone. The workers end with [`Engine::shutdown`], or with the process.
#[derive(Clone, Debug)]
pub struct Engine {
    models: watch::Receiver<u64>,
}

impl Engine {
    /// Scans the model path; loads nothing yet. Must be called on a multi-thread tokio runtime. A file that is not a
    /// usable GGUF becomes a model in state `Failed` with a message that says why.
    pub fn start(_config: EngineConfig) -> Result<Engine, StartError> {
        let (_, models) = watch::channel(0);
        Ok(Self { models })
    }

    /// All models by id, the unusable ones too.
    pub fn models(&self) -> Vec<ModelInfo> {
        Vec::new()
    }

    /// Changes with every change of [`Engine::models`].
    pub fn watch_models(&self) -> watch::Receiver<u64> {
        self.models.clone()
    }

    /// The id of a model by its name in a request; the default model where there is none.
    pub fn resolve(&self, id: Option<&str>) -> Result<ModelId, EngineError> {
        Err(EngineError::UnknownModel { id: id.unwrap_or_default().to_owned() })
    }

    /// Begins an answer. Refuses with `UnknownModel`, `Overloaded` and `ShuttingDown`; everything else is told by
    /// the generation.
    pub async fn generate(&self, request: GenerateRequest) -> Result<Generation, EngineError> {
        Err(EngineError::UnknownModel { id: request.model.to_string() })
    }

    /// How many tokens the messages are for a model, which is loaded for it.
    pub async fn measure(
        &self,
        model: &ModelId,
        _messages: &[ChatMessage],
    ) -> Result<PromptSize, EngineError> {
        Err(EngineError::UnknownModel { id: model.to_string() })
    }

    /// Loads a model and waits until it is ready.
    pub async fn load(&self, model: &ModelId) -> Result<(), EngineError> {
        Err(EngineError::UnknownModel { id: model.to_string() })
    }

    /// Lets a model finish its answers, unloads it and waits for that.
    pub async fn unload(&self, model: &ModelId) -> Result<(), EngineError> {
        Err(EngineError::UnknownModel { id: model.to_string() })
    }

    /// Ends all answers with `ShuttingDown` and all workers, and returns when no process is left.
    pub async fn shutdown(&self) {}
}
