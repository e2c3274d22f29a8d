//! The store on a real PostgreSQL: each test has a database of its own.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails where it stands"
)]

mod claims;
mod continuations;
mod conversations;
mod crowd;
mod errors;
mod fixture;
mod generations;
mod journal;
mod messages;
mod migrations;
mod ownership;
mod sends;
mod sessions;
mod settings;
mod throttle;
mod upkeep;
mod users;
mod watched;
