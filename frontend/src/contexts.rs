//! What many components share: handles that never change, over stores that do. A component reads the part it needs
//! with the hooks and is drawn when that part changes.

pub mod chat;
pub mod session;
pub mod theme;
