//! Whose words something was made of.

use serde::{Deserialize, Serialize};

/// A user, or one conversation of a user, by the numbers that requests come with. They say nothing to anybody else: the
/// caller makes them up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Whose {
    /// As in [`crate::GenerateRequest`].
    pub user: u128,
    /// As in [`crate::GenerateRequest`]; none where all of the user's are meant, or none was told.
    pub conversation: Option<u128>,
}

impl Whose {
    /// Whether `part` is meant by this.
    pub(crate) fn includes(&self, part: Self) -> bool {
        self.user == part.user && (self.conversation.is_none() || self.conversation == part.conversation)
    }
}
