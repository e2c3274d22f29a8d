//! What many readings say together. The median is not moved by one slow round; the 99th percentile is what such a round
//! costs.

use serde::Serialize;

/// Readings of one figure at one server.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// In the middle.
    pub median: f64,
    /// The value that 99 of 100 readings are no worse than; with few readings the worst one.
    pub p99: f64,
    /// How many there are.
    pub count: usize,
}

impl Summary {
    /// Of at least one reading; none without. Where more is better, the worst readings are the small ones.
    pub fn of(readings: &[f64], more_is_better: bool) -> Option<Self> {
        let mut sorted = readings.to_vec();
        sorted.sort_by(f64::total_cmp);
        let median = median(&sorted)?;
        if more_is_better {
            sorted.reverse();
        }
        let rank = (sorted.len() as f64 * 0.99).ceil() as usize;
        let p99 = sorted.get(rank.saturating_sub(1)).copied()?;
        Some(Self { median, p99, count: sorted.len() })
    }
}

/// The middle one, or between the two in the middle.
fn median(sorted: &[f64]) -> Option<f64> {
    let upper = sorted.get(sorted.len() / 2).copied()?;
    let lower = sorted.get((sorted.len() - 1) / 2).copied()?;
    Some(f64::midpoint(lower, upper))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_does_not_follow_an_outlier() {
        assert_eq!(Summary::of(&[1000.0, 1.0, 3.0], false).unwrap().median, 3.0);
        assert_eq!(Summary::of(&[4.0, 2.0], false).unwrap().median, 3.0);
        assert_eq!(Summary::of(&[], false), None);
    }

    #[test]
    fn the_99th_percentile_is_on_the_bad_side() {
        let readings: Vec<f64> = (1..=200).map(f64::from).collect();
        assert_eq!(Summary::of(&readings, false).unwrap().p99, 198.0);
        assert_eq!(Summary::of(&readings, true).unwrap().p99, 3.0);
        assert_eq!(Summary::of(&[5.0, 7.0], false).unwrap().p99, 7.0);
        assert_eq!(Summary::of(&[5.0, 7.0], true).unwrap().p99, 5.0);
    }
}
