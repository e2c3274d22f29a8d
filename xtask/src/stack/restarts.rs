//! When to start a service again that died: as docker's `restart: unless-stopped` does.

use std::time::Duration;

/// The wait after the first death.
const FIRST: Duration = Duration::from_millis(100);
/// The longest wait: what is broken stays broken, and must not fill the log.
const LONGEST: Duration = Duration::from_secs(60);
/// Who has lived for so long died of something new.
const SETTLED: Duration = Duration::from_secs(10);

/// The deaths of one service.
#[derive(Debug)]
pub struct Restarts {
    next: Duration,
}

impl Default for Restarts {
    fn default() -> Self {
        Self { next: FIRST }
    }
}

impl Restarts {
    /// How long to wait before it is started again, having lived for `lived`.
    pub fn wait_after(&mut self, lived: Duration) -> Duration {
        if lived >= SETTLED {
            self.next = FIRST;
        }
        let wait = self.next;
        self.next = (wait * 2).min(LONGEST);
        wait
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_dies_at_once_waits_longer_each_time_and_a_long_life_is_forgiven() {
        let mut restarts = Restarts::default();
        let short = Duration::from_secs(1);
        assert_eq!(restarts.wait_after(short), FIRST);
        assert_eq!(restarts.wait_after(short), FIRST * 2);
        for _ in 0..20 {
            restarts.wait_after(short);
        }
        assert_eq!(restarts.wait_after(short), LONGEST);
        assert_eq!(restarts.wait_after(SETTLED), FIRST);
    }
}
