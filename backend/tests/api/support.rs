//! The harness: [`TestApp`] is a server of one test, [`Actor`] somebody who calls it, [`Reader`] an open stream.

mod actor;
mod app;
mod chat;
pub mod postgres;
mod process;
mod reader;
mod worker;

pub use actor::{Actor, Answer};
pub use app::{Builder, MODEL, TestApp};
pub use chat::{greedy, message, reply, short};
pub use reader::Reader;
