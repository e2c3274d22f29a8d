//! The API as its clients meet it: a real server on a port of its own, a real PostgreSQL, the real engine with the
//! scripted worker. One program for all of them, because linking is what takes the time.

mod support;

mod auth;
mod authorisation;
mod bad_input;
mod operations;
