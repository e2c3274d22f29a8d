//! Why the engine could not start, and why a request was refused. Why an answer failed is in [`crate::GenerationError`].

use std::io;
use std::path::PathBuf;

use crate::GenerationError;

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
        cause: io::Error,
    },
    /// The model file or directory cannot be read.
    #[error(
        "the model path {path} cannot be read: {cause}; set MODEL_PATH to a GGUF file or a directory of them"
    )]
    ModelPath {
        /// Where it was looked for.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// `models.toml` as a whole cannot be understood.
    #[error("the settings of the models cannot be used: {0}; repair the file or remove it")]
    Settings(String),
    /// The directory for the engine's own files cannot be made.
    #[error("the directory {path} cannot be made: {cause}")]
    StateDir {
        /// Where it should be.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
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
