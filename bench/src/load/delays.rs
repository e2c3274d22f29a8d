//! Delays of many tokens: a count for each tenth of a millisecond, so that an hour takes no more room than a second.

/// Width of a bucket in µs.
const BUCKET_US: u64 = 100;
/// What is longer than ten seconds counts as that.
const BUCKETS: usize = 100_000;

/// How many tokens took how long.
#[derive(Debug, Default)]
pub struct Delays {
    buckets: Vec<u64>,
    longest_us: u64,
}

impl Delays {
    /// Adds one.
    pub fn note(&mut self, delay_us: u64) {
        let index = usize::try_from(delay_us / BUCKET_US).unwrap_or(BUCKETS).min(BUCKETS - 1);
        if self.buckets.len() <= index {
            self.buckets.resize(index + 1, 0);
        }
        if let Some(bucket) = self.buckets.get_mut(index) {
            *bucket += 1;
        }
        self.longest_us = self.longest_us.max(delay_us);
    }

    /// Adds all of another one.
    pub fn add(&mut self, other: &Self) {
        if self.buckets.len() < other.buckets.len() {
            self.buckets.resize(other.buckets.len(), 0);
        }
        for (bucket, more) in self.buckets.iter_mut().zip(&other.buckets) {
            *bucket += more;
        }
        self.longest_us = self.longest_us.max(other.longest_us);
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// The delay that this part of them does not exceed, in µs; 0 where there are none.
    pub fn at(&self, part: f64) -> u64 {
        let wanted = (self.count() as f64 * part).ceil() as u64;
        let mut counted = 0;
        for (upper, bucket) in (1..).zip(&self.buckets) {
            counted += bucket;
            if counted >= wanted && counted > 0 {
                return (upper * BUCKET_US).min(self.longest_us);
            }
        }
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_right_to_a_tenth_of_a_millisecond() {
        let mut all = Delays::default();
        for half in [0, 1] {
            let mut delays = Delays::default();
            (0..1_000).filter(|n| n % 2 == half).for_each(|n| delays.note(n * 1_000));
            all.add(&delays);
        }
        assert_eq!(all.count(), 1_000);
        assert_eq!(all.at(0.5), 499_100);
        assert_eq!(all.at(0.99), 989_100);
        assert_eq!(all.at(1.0), 999_000);
        assert_eq!(Delays::default().at(0.5), 0);
    }

    #[test]
    fn an_endless_delay_takes_no_endless_room() {
        let mut delays = Delays::default();
        delays.note(u64::MAX);
        assert_eq!(delays.buckets.len(), BUCKETS);
        assert_eq!(delays.at(1.0), 10_000_000);
    }
}
