//! What the engine is started with.

use std::path::PathBuf;
use std::time::Duration;

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
    /// Requests that may wait per model, beside those that run; as many again of users who have none there yet.
    pub queue_capacity: usize,
    /// A model that nobody asked for so long is unloaded; none: never.
    pub idle_unload: Option<Duration>,
    /// Memory that loaded models may take together; none: no bound.
    pub memory_budget_bytes: Option<u64>,
}
