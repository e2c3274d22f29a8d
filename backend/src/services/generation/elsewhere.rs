//! Several servers on one database: what happens here is hinted to the others, and what they hint is looked up.
//!
//! ```text
//! here:   commit ──→ live hub          ┄┄→ hints ──NOTIFY, at most 20 a second──→ the others
//! there:  listener ──hints──→ follower ──one query for all that is watched──→ live hub ──→ readers
//! ```
//!
//! A hint says that something happened, never what was written: text comes from the journal alone. Hints may be lost,
//! repeated and late. Whoever watches an answer asks once a second anyway, and a replica that has missed hints reads
//! again what its readers watch. Nothing here is waited for by a runner, the journal or a request.

pub mod hints;
pub mod notice;
pub mod queue;
pub mod sender;
