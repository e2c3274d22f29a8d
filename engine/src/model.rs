//! Models as everybody above the engine sees them.

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::ModelMemory;
use crate::containment::Containment;

/// A model's id: its file's stem in lower case without the quantisation (`smollm2-135m-instruct`).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ModelId(String);

impl ModelId {
    pub(crate) fn new(id: String) -> Self {
        Self(id)
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ModelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What is being done to load a model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum LoadStage {
    /// The process starts and looks at the file.
    #[default]
    Opening,
    /// The weights are read.
    Weights,
    /// The first token is evaluated.
    Warming,
    /// Threads and batches are measured, once for a model on a machine.
    Tuning,
}

/// Where a model is.
///
/// ```text
///             asked for            loaded
///  Unloaded ───────────▶ Loading ─────────▶ Ready
///      ▲                    │ cannot          │ idle, evicted or unloaded
///      │                    ▼                 ▼
///      │                  Failed           Draining
///      │  next request      │                 │ last answer ended,
///      │◀─ after back-off ──┘                 │ process gone
///      └──────────────────────────────────────┘
/// ```
///
/// A worker that dies takes `Loading`, `Ready` and `Draining` to `Unloaded`, and to `Failed` when it keeps dying.
#[derive(Clone, Debug, PartialEq)]
pub enum ModelState {
    /// On disk; loaded when it is first asked for.
    Unloaded,
    /// Being read into memory.
    Loading {
        /// What is being done.
        stage: LoadStage,
        /// Of this stage, 0 to 1.
        fraction: f32,
    },
    /// Answers at once.
    Ready,
    /// Finishes its answers, then unloads.
    Draining,
    /// Cannot be used now.
    Failed {
        /// Why, and what to do.
        message: String,
    },
}

/// One model of the pool.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelInfo {
    /// Names it in requests.
    pub id: ModelId,
    /// The name in the file, for people; the file's stem where it has none.
    pub name: String,
    /// The file.
    pub path: PathBuf,
    /// Size of the file.
    pub size_bytes: u64,
    /// Tokens that prompt and answer may have together; none before the model was loaded once.
    pub context_tokens: Option<u32>,
    /// How far the process is contained that holds it, or held it last; none before it was loaded once.
    pub containment: Option<Containment>,
    /// Where it is.
    pub state: ModelState,
    /// Used where a request names none.
    pub is_default: bool,
    /// Loaded at the start and never unloaded by itself.
    pub is_pinned: bool,
    /// What it takes of the memory.
    pub memory: ModelMemory,
}
