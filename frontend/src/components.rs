//! The parts of the page.

pub mod chat;
