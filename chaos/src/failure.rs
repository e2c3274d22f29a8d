//! Why the test itself could not be carried out: nothing that Oriel did wrong is one of these.

use std::fmt;

/// The result of a step of the test.
pub type Outcome<T = ()> = Result<T, Failure>;

/// Why the test cannot go on, in one sentence.
#[derive(Debug)]
pub struct Failure(String);

impl Failure {
    /// A failure with its text.
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Says what was being done when a call failed.
pub trait Doing<T> {
    /// `what` completes "could not …".
    fn doing(self, what: impl fmt::Display) -> Outcome<T>;
}

impl<T, E: fmt::Display> Doing<T> for Result<T, E> {
    fn doing(self, what: impl fmt::Display) -> Outcome<T> {
        self.map_err(|error| Failure(format!("could not {what}: {error}")))
    }
}
