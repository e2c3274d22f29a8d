//! Who is signed in.

use shared::User;

use super::failure::Failure;

/// Where signing in stands.
#[derive(Clone, Debug, PartialEq)]
pub enum Session {
    /// Not known yet: the page has just been opened.
    Starting,
    /// The server does not answer, so nobody knows.
    Unknown(Failure),
    /// Nobody.
    SignedOut {
        /// No account exists: the first person to come makes the administrator's.
        first_run: bool,
        /// There was a session, and it ended without a sign-out.
        expired: bool,
    },
    /// Somebody.
    SignedIn(User),
}

impl Session {
    /// Whoever is signed in.
    pub fn user(&self) -> Option<&User> {
        match self {
            Self::SignedIn(user) => Some(user),
            _ => None,
        }
    }
}
