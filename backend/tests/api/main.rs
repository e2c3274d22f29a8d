//! The API as its clients meet it: a real server on a port of its own, a real PostgreSQL, the real engine with the
//! scripted worker. One program for all of them, because linking is what takes the time.

mod support;

mod answers;
mod auth;
mod authorisation;
mod bad_input;
mod branches;
mod chat;
mod command_line;
mod continuing;
mod conversations;
mod crowded;
mod full_disk;
mod idempotency;
mod journal;
mod keys;
mod openai;
mod operations;
mod outage;
mod private_database;
mod recovery;
mod replicas;
mod slow_readers;
mod stream;
mod takeover;
mod titles;
mod traces;
