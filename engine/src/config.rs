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
    /// Memory that loaded models may take together, as far as it can be estimated and measured; none: no bound.
    pub memory_budget_bytes: Option<u64>,
    /// Memory for states of sequences in one model's worker; 0: none are kept there; none: as much as all its slots hold, as
    /// far as `memory_budget_bytes` leaves room.
    pub states_memory_bytes: Option<u64>,
    /// Disk for states of sequences of all models together, under `state_dir`; 0: none are kept there.
    pub states_disk_bytes: u64,
    /// A state that nobody used for so long is deleted.
    pub states_max_age: Duration,
}

impl EngineConfig {
    /// One slot, and nothing kept or bounded beyond it.
    pub fn new(
        worker: impl Into<PathBuf>,
        model_path: impl Into<PathBuf>,
        state_dir: impl Into<PathBuf>,
    ) -> Self {
        Self {
            worker: worker.into(),
            model_path: model_path.into(),
            state_dir: state_dir.into(),
            slots: 1,
            context_tokens: None,
            threads: None,
            queue_capacity: 16,
            idle_unload: None,
            memory_budget_bytes: None,
            states_memory_bytes: Some(0),
            states_disk_bytes: 0,
            states_max_age: Duration::from_secs(7 * 24 * 3_600),
        }
    }
}
