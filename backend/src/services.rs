//! What the product does. No HTTP here: services take and give the types of `shared` and fail with `AppError`.

mod absence;
pub mod auth;
pub mod chat;
pub mod completions;
pub mod conversation;
pub mod generation;
pub mod model_choice;
mod title;
pub mod traces;
