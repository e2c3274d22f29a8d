//! The line to the server as a person sees it.

/// How the stream stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Connection {
    /// Being opened for the first time, or again after the server asked for it.
    #[default]
    Opening,
    /// Open.
    Open,
    /// Broken; tried again by itself.
    Lost {
        /// Tries since it broke.
        attempt: u32,
    },
}

impl Connection {
    /// The line broke, or a try failed.
    pub fn lose(&mut self) {
        *self = Self::Lost {
            attempt: match self {
                Self::Lost { attempt } => attempt.saturating_add(1),
                Self::Opening | Self::Open => 0,
            },
        };
    }

    /// Whether to tell. The first break is mended before anybody could read about it.
    pub fn is_worth_telling(self) -> bool {
        matches!(self, Self::Lost { attempt } if attempt > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_break_is_mended_in_silence_and_the_second_try_is_told() {
        let mut connection = Connection::Open;
        connection.lose();
        assert!(!connection.is_worth_telling());
        connection.lose();
        assert!(connection.is_worth_telling());
        assert!(!Connection::Opening.is_worth_telling());
    }
}
