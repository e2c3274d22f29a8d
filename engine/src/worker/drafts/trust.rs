//! How likely a draft is right: by the length of the match behind it, as this stream has shown.

/// Match lengths from which a class of its own begins: a longer match is more often right. Shorter ones than three are
/// those behind a word that was exchanged.
const CLASSES: [usize; 11] = [0, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64];
/// So many observations weigh as much as what is assumed beforehand.
const PRIOR_WEIGHT: f64 = 8.0;
/// When so many have been counted, old ones begin to count less: an answer that stops copying is noticed within a
/// sentence.
const MEMORY: f64 = 128.0;
/// What is assumed of a token that a small model drafts.
pub(super) const MODEL_CHANCE: f64 = 0.7;

/// Hits and misses of one kind of draft.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tally {
    hits: f64,
    misses: f64,
}

impl Tally {
    pub(super) fn observe(&mut self, hits: usize, misses: usize) {
        self.hits += hits as f64;
        self.misses += misses as f64;
        let counted = self.hits + self.misses;
        if counted > MEMORY {
            self.hits *= MEMORY / counted;
            self.misses *= MEMORY / counted;
        }
    }

    /// The chance that the next token is right, where `assumed` is what it is beforehand.
    pub(super) fn chance(&self, assumed: f64) -> f64 {
        (self.hits + PRIOR_WEIGHT * assumed) / (self.hits + self.misses + PRIOR_WEIGHT)
    }
}

/// The tallies of one stream.
#[derive(Debug, Default)]
pub(super) struct Trust {
    classes: [Tally; CLASSES.len()],
}

impl Trust {
    /// A token was foretold behind a match of this length.
    pub(super) fn observe(&mut self, length: usize, is_hit: bool) {
        if let Some(tally) = self.classes.get_mut(class(length)) {
            tally.observe(usize::from(is_hit), usize::from(!is_hit));
        }
    }

    /// The chance that a token foretold behind a match of this length is right.
    pub(super) fn chance(&self, length: usize) -> f64 {
        // A match of three tokens is right every second time in ordinary text, one of thirty nearly always.
        let assumed = 1.0 - 1.5 / (length as f64).max(3.0);
        self.classes.get(class(length)).map_or(0.0, |tally| tally.chance(assumed))
    }
}

fn class(length: usize) -> usize {
    CLASSES.iter().rposition(|least| *least <= length).unwrap_or(0)
}

/// Tokens that a step with so many drafts brings, where `chance` is that of a draft with so many drafts before it, all of
/// them right.
pub(super) fn expected_tokens(drafts: usize, chance: impl Fn(usize) -> f64) -> f64 {
    let mut all_right = 1.0;
    let mut expected = 1.0;
    for before in 0..drafts {
        all_right *= chance(before);
        expected += all_right;
    }
    expected
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_longer_match_is_trusted_more() {
        let trust = Trust::default();
        let chances = [3, 8, 16, 64].map(|length| trust.chance(length));
        assert!(chances.is_sorted() && chances[0] >= 0.5 && chances[3] > 0.97, "{chances:?}");
    }

    #[test]
    fn a_stream_that_copies_is_soon_trusted_and_one_that_does_not_is_not() {
        let mut trust = Trust::default();
        let before = trust.chance(5);
        for _ in 0..40 {
            trust.observe(5, true);
        }
        let copying = trust.chance(5);
        assert!(copying > 0.9 && copying > before);
        for _ in 0..200 {
            trust.observe(5, false);
        }
        assert!(trust.chance(5) < 0.25, "{}", trust.chance(5));
        assert!(trust.chance(30) > 0.9, "other lengths are judged apart");
    }

    #[test]
    fn what_a_step_brings_is_the_sum_of_the_chances_to_come_so_far() {
        assert_eq!(expected_tokens(0, |_| 0.5), 1.0);
        assert_eq!(expected_tokens(2, |_| 0.5), 1.75);
        assert_eq!(expected_tokens(31, |_| 1.0), 32.0);
        assert_eq!(expected_tokens(3, |before| if before < 1 { 1.0 } else { 0.0 }), 2.0);
    }
}
