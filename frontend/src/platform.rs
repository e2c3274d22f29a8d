//! What the browser gives, in the words of the page.

pub mod clipboard;
pub mod lock;
pub mod storage;
pub mod time;
pub mod title;
pub mod viewport;
pub mod wake;
