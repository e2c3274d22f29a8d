//! From a fault to the next token: how long the answers that it hit stood still.
//!
//! A fault names the answers that ran on what it hit. Text that was committed before is still on its way for a moment,
//! so what comes within [`IN_FLIGHT`] does not count; an answer that never stood still is measured as that long.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use shared::GenerationId;

/// A flush of the journal and the way to the reader.
const IN_FLIGHT: Duration = Duration::from_millis(100);

/// The measurements of a run.
#[derive(Clone, Debug, Default)]
pub struct Recoveries {
    waiting: BTreeMap<GenerationId, Vec<Waiting>>,
    measured: BTreeMap<usize, Vec<Duration>>,
    ended: BTreeMap<usize, u64>,
}

#[derive(Clone, Debug)]
struct Waiting {
    kind: usize,
    since: Instant,
    length: usize,
}

/// What one kind of fault did.
#[derive(Clone, Debug, Default)]
pub struct Recovered {
    /// Answers whose next text was awaited and came, with the times, shortest first.
    pub times: Vec<Duration>,
    /// Answers that ended without another text: stopped, or at their last word already.
    pub ended: u64,
    /// Answers of which nobody wanted to hear again: their reader had gone elsewhere.
    pub unwatched: u64,
}

impl Recovered {
    /// The time below which so many of a hundred lie.
    pub fn percentile(&self, percent: usize) -> Option<Duration> {
        let last = self.times.len().checked_sub(1)?;
        self.times.get(last * percent.min(100) / 100).copied()
    }
}

impl Recoveries {
    /// A fault of `kind` hits answers, of which so many bytes have been shown.
    pub fn fault(&mut self, kind: usize, hit: Vec<(GenerationId, usize)>) {
        let since = Instant::now();
        for (id, length) in hit {
            self.waiting.entry(id).or_default().push(Waiting { kind, since, length });
        }
    }

    /// An answer has been shown further than ever. Tells how long it had stood still since the oldest fault.
    pub fn grew(&mut self, id: GenerationId, length: usize) -> Option<Duration> {
        let waiting = self.waiting.get_mut(&id)?;
        let now = Instant::now();
        let mut longest = None;
        let measured = &mut self.measured;
        waiting.retain(|one| {
            let took = now.duration_since(one.since);
            let recovered = length > one.length && took > IN_FLIGHT;
            if recovered {
                measured.entry(one.kind).or_default().push(took);
                longest = longest.max(Some(took));
            }
            !recovered
        });
        longest
    }

    /// An answer has ended.
    pub fn ended(&mut self, id: GenerationId) {
        for one in self.waiting.remove(&id).unwrap_or_default() {
            *self.ended.entry(one.kind).or_default() += 1;
        }
    }

    /// What a kind of fault did.
    pub fn of(&self, kind: usize) -> Recovered {
        let mut times = self.measured.get(&kind).cloned().unwrap_or_default();
        times.sort_unstable();
        let unwatched = self.waiting.values().flatten().filter(|one| one.kind == kind).count();
        Recovered {
            times,
            ended: self.ended.get(&kind).copied().unwrap_or_default(),
            unwatched: unwatched as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_and_the_worst_of_the_times_are_told() {
        let times = (1..=5).map(Duration::from_secs).collect();
        let recovered = Recovered { times, ended: 0, unwatched: 0 };
        assert_eq!(recovered.percentile(50), Some(Duration::from_secs(3)));
        assert_eq!(recovered.percentile(100), Some(Duration::from_secs(5)));
        assert_eq!(Recovered::default().percentile(50), None);
    }

    #[test]
    fn text_on_its_way_is_no_recovery_and_an_end_is_not_lost() {
        let (first, second) = (GenerationId::new(), GenerationId::new());
        let mut recoveries = Recoveries::default();
        recoveries.fault(0, vec![(first, 10), (second, 10)]);
        recoveries.grew(first, 20);
        assert!(recoveries.of(0).times.is_empty());
        recoveries.ended(first);
        let recovered = recoveries.of(0);
        assert_eq!((recovered.ended, recovered.unwatched), (1, 1));
    }
}
