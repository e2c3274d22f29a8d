//! The parts of a conversation.

pub mod answer;
pub mod answer_error;
pub mod answer_facts;
pub mod answer_progress;
pub mod code_block;
pub mod composer;
pub mod context_meter;
pub mod message;
pub mod message_actions;
pub mod message_editor;
pub mod message_list;
pub mod model_picker;
pub mod omitted;
pub mod pending_message;
pub mod question;
mod scroll;
pub mod welcome;
