//! The parts of a conversation.

pub mod code_block;
