//! How fast this machine reads memory: no server can be faster with one stream than it takes to read the weights once
//! for each token.

use std::hint::black_box;
use std::thread;
use std::time::Instant;

use serde::Serialize;

/// Far more than any cache holds.
const BUFFER_BYTES: usize = 1 << 30;
/// The best one counts: whatever else runs can only make it slower.
const TRIES: usize = 7;

/// What reading the weights once for each token would take.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Floor {
    /// Memory read with as many threads as the servers use.
    pub bytes_per_second: f64,
    /// All weights once.
    pub ms_per_token: f64,
    /// The same as a speed.
    pub tokens_per_second: f64,
}

impl Floor {
    /// For weights of so many bytes.
    pub fn measure(threads: usize, weights_bytes: u64) -> Self {
        Self::of(bytes_per_second(threads.max(1), BUFFER_BYTES), weights_bytes)
    }

    fn of(bytes_per_second: f64, weights_bytes: u64) -> Self {
        let tokens_per_second = bytes_per_second / (weights_bytes as f64).max(1.0);
        Self { bytes_per_second, ms_per_token: 1000.0 / tokens_per_second, tokens_per_second }
    }
}

/// Each thread reads its own part from one end to the other.
fn bytes_per_second(threads: usize, buffer_bytes: usize) -> f64 {
    // Not zero: pages that were never written are all one page, which a cache holds.
    let buffer = vec![1_u64; buffer_bytes / size_of::<u64>()];
    let part = buffer.len().div_ceil(threads);
    let seconds = (0..TRIES).map(|_| {
        let began = Instant::now();
        thread::scope(|scope| {
            for words in buffer.chunks(part) {
                scope.spawn(move || black_box(sum(words)));
            }
        });
        began.elapsed().as_secs_f64()
    });
    size_of_val(buffer.as_slice()) as f64 / seconds.fold(f64::INFINITY, f64::min)
}

/// Several sums side by side, so that none waits for the one before.
fn sum(words: &[u64]) -> u64 {
    let mut sums = [0_u64; 32];
    let (lines, rest) = words.as_chunks::<32>();
    for line in lines {
        for (sum, word) in sums.iter_mut().zip(line) {
            *sum = sum.wrapping_add(*word);
        }
    }
    sums.iter().chain(rest).fold(0, |all, sum| all.wrapping_add(*sum))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_read() {
        assert_eq!(sum(&vec![1; 1_000_003]), 1_000_003);
        assert!(bytes_per_second(3, 1 << 16) > 0.0);
    }

    #[test]
    fn the_floor_is_one_pass_over_the_weights() {
        let floor = Floor::of(30e9, 100_000_000);
        assert_eq!(floor.tokens_per_second, 300.0);
        assert!((floor.ms_per_token - 10.0 / 3.0).abs() < 1e-9);
    }
}
