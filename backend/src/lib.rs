//! The server `oriel`: configuration, services, routes and the admin commands.
//!
//! [`app`] is the roof where everything meets; [`routes`] speak HTTP and nothing else; [`services`] do what the
//! product does and know no HTTP; SQL lives in `store`, models in `engine`.

pub mod app;
pub mod cli;
pub mod config;
pub mod error;
pub mod middleware;
mod request;
pub mod routes;
pub mod services;

pub use app::AppState;
pub use error::AppError;
