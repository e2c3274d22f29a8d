//! One component for each address.

pub mod chat;
pub mod door;
pub mod keys;
pub mod not_found;
pub mod sign_in;
pub mod sign_up;
pub mod unreachable;
