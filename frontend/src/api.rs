//! The only room that fetches. [`client::Client`] carries the session through every request; one file per resource
//! adds its verbs. Called by the contexts; draws nothing and keeps nothing but the access token.

pub mod auth;
pub mod chat;
pub mod client;
pub mod config;
pub mod conversations;
pub mod keys;
pub mod models;
pub mod stream;

pub use client::Client;
