//! What the page says about itself: notes, the state of the line, whole pages that could not be shown.

pub mod banner;
pub mod notice;
pub mod toasts;
