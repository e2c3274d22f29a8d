//! Chance that can be repeated: every part of the test throws dice of its own, which depend on the seed and on the
//! part's name alone.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::RangeInclusive;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{RngExt, SeedableRng};

/// The dice of one part.
pub struct Dice(StdRng);

impl Dice {
    /// Dice for `who`.
    pub fn new(seed: u64, who: &str) -> Self {
        let mut hasher = DefaultHasher::new();
        (seed, who).hash(&mut hasher);
        Self(StdRng::seed_from_u64(hasher.finish()))
    }

    /// True so many times in a hundred.
    pub fn percent(&mut self, percent: f64) -> bool {
        self.0.random_bool((percent / 100.0).clamp(0.0, 1.0))
    }

    /// A number of the range.
    pub fn between(&mut self, range: RangeInclusive<u64>) -> u64 {
        self.0.random_range(range)
    }

    /// A time of so many milliseconds.
    pub fn millis(&mut self, range: RangeInclusive<u64>) -> Duration {
        Duration::from_millis(self.between(range))
    }

    /// One of them; none of none.
    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        of.choose(&mut self.0)
    }

    /// Any order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        items.shuffle(&mut self.0);
    }
}
