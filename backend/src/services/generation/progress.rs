//! What an answer is doing before its first word, for those who watch. Never journaled: only the newest counts.

use std::mem::discriminant;
use std::time::{Duration, Instant};

use shared::StreamEvent;

/// Between two events of the same kind: what a bar on a screen can show.
const SAME_KIND_EVERY: Duration = Duration::from_millis(100);

/// Thins out the progress of one answer.
#[derive(Debug, Default)]
pub struct Progress {
    told: Option<(StreamEvent, Instant)>,
}

impl Progress {
    /// Whether readers should be told: at once when the kind changes, otherwise at most ten times a second.
    pub fn tell(&mut self, event: &StreamEvent, now: Instant) -> bool {
        let due = match &self.told {
            None => true,
            Some((last, _)) if discriminant(last) != discriminant(event) => true,
            Some((last, at)) => last != event && now.duration_since(*at) >= SAME_KIND_EVERY,
        };
        if due {
            self.told = Some((event.clone(), now));
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use shared::GenerationId;

    use super::*;

    #[test]
    fn a_new_kind_is_told_at_once_and_the_same_kind_ten_times_a_second() {
        let generation_id = GenerationId::new();
        let queued = |place| StreamEvent::Queued { generation_id, place };
        let prefill = |done| StreamEvent::Prefill { generation_id, done, total: 100 };
        let start = Instant::now();
        let mut progress = Progress::default();
        assert!(progress.tell(&queued(2), start));
        assert!(!progress.tell(&queued(1), start + Duration::from_millis(99)));
        assert!(progress.tell(&queued(1), start + Duration::from_millis(100)));
        assert!(!progress.tell(&queued(1), start + Duration::from_millis(900)));
        assert!(progress.tell(&prefill(0), start + Duration::from_millis(901)));
        assert!(!progress.tell(&prefill(50), start + Duration::from_millis(902)));
        assert!(progress.tell(&prefill(100), start + Duration::from_millis(1001)));
    }
}
