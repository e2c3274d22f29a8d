//! The line to the server as a person sees it.

/// So long a break is nobody's business: most are mended before anybody could read about it.
pub const QUIET_MS: u32 = 2_500;
/// After so long it is no longer a moment, and a person wants to know what to do.
pub const LONG_MS: u32 = 60_000;

/// How the stream stands.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Connection {
    /// Being opened for the first time, or again after the server asked for it.
    #[default]
    Opening,
    /// Open.
    Open,
    /// Broken; tried again by itself.
    Lost {
        /// When it broke.
        since_ms: f64,
    },
}

/// What to tell of a broken line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Nothing: it is well, or about to be.
    None,
    /// It is being mended.
    Reconnecting,
    /// It has been broken for long.
    Long,
}

impl Connection {
    /// The line broke, or a try failed.
    pub fn lose(&mut self, now_ms: f64) {
        if !matches!(self, Self::Lost { .. }) {
            *self = Self::Lost { since_ms: now_ms };
        }
    }

    /// What to tell now, and after how many milliseconds to ask again.
    pub fn notice(self, now_ms: f64) -> (Notice, Option<u32>) {
        let Self::Lost { since_ms } = self else { return (Notice::None, None) };
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a clock set back is no time"
        )]
        let lost_ms = (now_ms - since_ms).max(0.0) as u32;
        match lost_ms {
            0..QUIET_MS => (Notice::None, Some(QUIET_MS - lost_ms)),
            QUIET_MS..LONG_MS => (Notice::Reconnecting, Some(LONG_MS - lost_ms)),
            _ => (Notice::Long, None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_break_is_mended_in_silence() {
        let mut connection = Connection::Open;
        connection.lose(1_000.0);
        assert_eq!(connection.notice(1_400.0), (Notice::None, Some(2_100)));
        connection.lose(3_000.0);
        assert_eq!(connection.notice(3_500.0), (Notice::Reconnecting, Some(57_500)), "since the first break");
        assert_eq!(connection.notice(61_000.0), (Notice::Long, None));
        assert_eq!(Connection::Opening.notice(9_000.0), (Notice::None, None));
    }

    #[test]
    fn a_clock_that_is_set_back_does_not_end_the_silence_early() {
        let mut connection = Connection::Open;
        connection.lose(5_000.0);
        assert_eq!(connection.notice(1_000.0), (Notice::None, Some(QUIET_MS)));
    }
}
