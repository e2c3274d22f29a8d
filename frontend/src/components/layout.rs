//! The frame of the page: sidebar and main content.

pub mod account;
pub mod app_container;
pub mod conversation_item;
pub mod conversation_list;
pub mod main_content;
pub mod sidebar;
pub mod sign_out;
pub mod theme_toggle;
