//! What may be set for one model, in `models.toml` beside the models: a table per model id. The pool reads the file at its
//! start, and again when it has changed; a worker is told only what concerns it, in [`crate::decoder::LoadRequest`].

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub(crate) use file::SettingsFile;

mod file;

/// The settings of one model. What is not set follows [`crate::EngineConfig`] or the model itself.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModelSettings {
    /// Answers that run at once.
    pub slots: Option<u32>,
    /// Tokens that prompt and answer may have together.
    pub context_tokens: Option<u32>,
    /// Threads for one token of each stream; none: found by measuring.
    pub threads: Option<u32>,
    /// Threads for reading prompts; none: found by measuring.
    pub batch_threads: Option<u32>,
    /// Layers whose weights a GPU keeps, in a build for one; none: all.
    pub gpu_layers: Option<u32>,
    /// How keys are kept in the cache.
    pub cache_type_k: CacheType,
    /// How values are kept in the cache; anything but floats needs flash attention.
    pub cache_type_v: CacheType,
    /// Whether attention is computed in one go.
    pub flash_attention: FlashAttention,
    /// Adapters that are applied to the model together; their order means nothing.
    pub lora: Vec<LoraAdapter>,
    /// A small model of the same vocabulary that drafts what this one then checks.
    pub draft_model: Option<PathBuf>,
    /// Whether tokens are guessed ahead.
    pub speculation: Speculation,
    /// Loaded at the start and never unloaded by itself.
    pub pinned: bool,
}

/// How a number of the cache is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the names are those of ggml")]
pub enum CacheType {
    F32,
    #[default]
    F16,
    Bf16,
    #[serde(rename = "q8_0")]
    Q8_0,
    #[serde(rename = "q5_1")]
    Q5_1,
    #[serde(rename = "q5_0")]
    Q5_0,
    #[serde(rename = "q4_1")]
    Q4_1,
    #[serde(rename = "q4_0")]
    Q4_0,
}

/// Whether attention is computed in one go, which takes less memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FlashAttention {
    /// Where the model and the machine can.
    #[default]
    Auto,
    /// Always.
    On,
    /// Never.
    Off,
}

/// Whether tokens are guessed ahead and checked together. It changes no answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Speculation {
    /// Where it pays.
    #[default]
    Auto,
    /// Never.
    Off,
}

/// A fine-tuned difference to a model's weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LoraAdapter {
    /// A GGUF file of type `adapter`.
    pub path: PathBuf,
    /// How strongly it is applied: 1 as it was trained.
    #[serde(default = "whole")]
    pub scale: f32,
}

/// Where a worker keeps states of sequences, and how much they may take.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateBudget {
    /// The only place where the worker may write; it exists.
    pub directory: PathBuf,
    /// Bytes in memory; 0: none are kept there.
    pub memory_bytes: u64,
    /// Bytes on disk, of all models together; 0: none are kept there.
    pub disk_bytes: u64,
    /// A state that nobody used for so long is deleted.
    pub max_age: Duration,
}

fn whole() -> f32 {
    1.0
}
