//! What many components share.

pub mod theme;
