//! Markdown as it is written by a model: parsed block by block while it grows and shown as Yew nodes.
//!
//! ```text
//! Markdown (view) → stream (what is closed, what still grows) → tree (one parse) ← render (nodes)
//!                          └─ heal (what is half-written)                            └─ highlight, math
//! ```
//!
//! `tree`, `stream`, `heal`, `highlight` and `math` know no browser. No room here makes HTML text, so nothing a model
//! writes becomes markup, script, or a request to another host.

mod heal;
pub mod highlight;
pub mod math;
mod render;
pub mod stream;
pub mod tree;
mod view;

pub use view::{Markdown, MarkdownProps};
