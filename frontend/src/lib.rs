//! The page: a Yew app that talks to the server over `api` and shows conversations as they are written.
//!
//! ```text
//! pages → components → hooks → contexts → state (pure)
//!                        └───→ api (the only fetch) → shared
//! ```

pub mod api;
pub mod app;
pub mod components;
pub mod contexts;
pub mod hooks;
pub mod markdown;
pub mod pages;
pub mod platform;
pub mod route;
pub mod state;
pub mod styles;
