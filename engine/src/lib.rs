//! The model pool and everything between a checked request and its tokens.
//!
//! ```text
//!  backend ─▶ Engine ─▶ pool ─▶ (pipe, protocol) ─▶ worker: scheduler ─▶ Decoder
//!            this process                          one process per model
//! ```
//!
//! [`Engine`] is for the backend, [`worker::run`] and [`decoder`] for the worker programs. The words here are model,
//! request, slot, token and event: no HTTP, no SQL, JSON only as text, and users only as numbers between which turns are fair.

mod catalog;
mod config;
mod constraint;
pub mod containment;
pub mod decoder;
mod embedding;
mod engine;
mod error;
mod event;
mod generation;
pub mod gguf;
pub mod json;
pub mod machine;
mod mailbox;
mod memory;
mod model;
mod pool;
mod prompt;
pub mod protocol;
pub mod question;
mod reply;
mod sampling;
pub mod scripted;
mod settings;
mod tools;
mod whose;
pub mod worker;

pub use config::EngineConfig;
pub use constraint::Constraint;
pub use embedding::{EmbedRequest, Embeddings, Pooling};
pub use engine::Engine;
pub use error::{EngineError, StartError};
pub use event::{
    FinishReason, GenerationError, GenerationEvent, TextKind, TokenChoice, TokenLikelihood, Usage,
};
pub use generation::{GenerateRequest, Generation};
pub use memory::{MemoryUse, ModelMemory};
pub use model::{LoadStage, ModelId, ModelInfo, ModelState};
pub use prompt::{
    Chat, ChatMessage, ChatRole, Priority, Prompt, PromptSize, ReasoningEffort, ReasoningMode,
    RenderedPrompt, Token,
};
pub use sampling::{Dry, InvalidOption, Mirostat, SamplingOptions, SamplingParams, Xtc};
pub use settings::{CacheType, FlashAttention, LoraAdapter, ModelSettings, Speculation, StateBudget};
pub use tools::{Tool, ToolCall, ToolChoice};
pub use whose::Whose;
