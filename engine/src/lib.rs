//! The model pool and everything between a checked request and its tokens.
//!
//! ```text
//!  backend ─▶ Engine ─▶ pool ─▶ (pipe, protocol) ─▶ worker: scheduler ─▶ Decoder
//!            this process                          one process per model
//! ```
//!
//! [`Engine`] is for the backend, [`worker::run`] and [`decoder`] for the worker programs. The words here are model,
//! request, slot, token and event: no HTTP, no JSON, no SQL, and users only as numbers between which turns are fair.

mod catalog;
mod config;
pub mod decoder;
mod engine;
mod error;
mod event;
mod generation;
pub mod gguf;
mod mailbox;
mod model;
mod pool;
mod prompt;
pub mod protocol;
mod sampling;
pub mod scripted;
pub mod worker;

pub use config::EngineConfig;
pub use engine::Engine;
pub use error::{EngineError, StartError};
pub use event::{FinishReason, GenerationError, GenerationEvent, TextKind, Usage};
pub use generation::{GenerateRequest, Generation};
pub use model::{ModelId, ModelInfo, ModelState};
pub use prompt::{ChatMessage, ChatRole, Priority, Prompt, PromptSize, Token};
pub use sampling::{InvalidOption, SamplingOptions, SamplingParams};
