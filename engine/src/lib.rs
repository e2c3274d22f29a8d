//! The model pool and everything between a checked request and its tokens.
//!
//! ```text
//!  backend ─▶ Engine ─▶ pool ─▶ (pipe, protocol) ─▶ worker: scheduler ─▶ Decoder
//!            this process                          one process per model
//! ```
//!
//! [`Engine`] is for the backend, [`worker::run`] and [`decoder`] for the worker programs. The words here are model,
//! request, slot, token and event: no HTTP, no JSON, no SQL, and users only as numbers between which turns are fair.

pub mod decoder;
mod engine;
mod generation;
pub mod gguf;
mod mailbox;
mod model;
mod prompt;
pub mod protocol;
mod sampling;
pub mod worker;

pub use engine::{Engine, EngineConfig, EngineError, PromptSize, StartError};
pub use generation::{
    FinishReason, GenerateRequest, Generation, GenerationError, GenerationEvent, TextKind, Usage,
};
pub use model::{ModelId, ModelInfo, ModelState};
pub use prompt::{ChatMessage, ChatRole, Priority, Prompt, Token};
pub use sampling::{InvalidOption, SamplingOptions, SamplingParams};
