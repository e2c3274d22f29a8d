//! One language model, run by llama.cpp: what the program `oriel-engine` is made of.
//!
//! ```text
//!  engine::worker ──▶ load ──▶ decoder ──▶ sampling, state   (the scheduler's thread)
//!                      └─────▶ prompt ──▶ template, opening, syntax, plain, markers, binding  (prompt threads)
//!                      │          └─▶ embedder                                  (a thread of its own)
//!                                 └─ vocabulary ─┘
//! ```
//!
//! The `engine` crate decides what is evaluated and when; here it is done. This crate is the only one that knows
//! llama.cpp, and `template`, `state` and `kernels` are the only rooms with unsafe code.

mod adapter;
mod binding;
mod buffers;
pub mod containment;
pub mod context;
pub mod decoder;
mod draft;
mod embedder;
mod finder;
#[cfg(test)]
mod golden;
pub mod kernels;
mod likelihood;
pub mod load;
pub mod log;
mod markers;
mod opening;
mod passages;
mod plain;
mod processor;
pub mod prompt;
mod refusal;
mod sampling;
mod state;
mod syntax;
mod template;
mod threads;
pub mod tuning;
mod vocabulary;
mod watch;

#[cfg(test)]
#[path = "../tests/models/mod.rs"]
mod models;
