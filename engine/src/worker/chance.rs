//! Random numbers that depend on nothing but the seed and the place in the answer, so that a continued answer draws as
//! it would have, whatever ran beside it.

/// Uniform in `[0, 1)` for the token at `position` of the answer, from 0.
pub fn draw(seed: u32, position: usize) -> f64 {
    let bits = mix(mix(u64::from(seed)) ^ position as u64);
    // The upper 53 bits: as many as a double holds exactly.
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

/// The output function of SplitMix64: every bit of the input moves half of the output's.
fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_even_and_differ_between_neighbours() {
        let mut sum = 0.0;
        for position in 0..10_000 {
            let value = draw(42, position);
            assert!((0.0..1.0).contains(&value));
            assert_ne!(value, draw(42, position + 1));
            assert_ne!(value, draw(43, position));
            sum += value;
        }
        assert!((sum / 10_000.0 - 0.5).abs() < 0.02, "mean {}", sum / 10_000.0);
    }
}
