//! The engine as the backend uses it, over real worker processes with scripted models.

mod answering;
mod dying;
mod harness;
mod loading;
mod memory;
mod models;
mod pausing;
mod processes;
