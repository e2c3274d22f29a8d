//! What the browser gives, in the words of the page.

pub mod clipboard;
pub mod storage;
