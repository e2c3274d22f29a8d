//! How long to wait before trying again.

/// The first wait. Short, because most breaks are a server that restarts.
const FIRST_MS: f64 = 400.0;
/// Slower than doubling: most outages are short, and nobody should wait as long again as the server was away.
const GROWTH: f64 = 1.5;
/// The longest wait: a person who looks at the banner should see it end soon after the server is back.
const LONGEST_MS: f64 = 15_000.0;

/// The wait before try number `attempt` (from 0), in milliseconds. `random` (0 to 1) spreads the clients of a server
/// that comes back over the second half of the wait.
pub fn delay_ms(attempt: u32, random: f64) -> u32 {
    let whole = (FIRST_MS * GROWTH.powi(attempt.min(16).cast_signed())).min(LONGEST_MS);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 200 and 15,000")]
    let delay = (whole * (0.5 + random.clamp(0.0, 1.0) / 2.0)) as u32;
    delay
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_bound_and_are_spread() {
        assert_eq!(delay_ms(0, 0.0), 200);
        assert_eq!(delay_ms(0, 1.0), 400);
        assert_eq!(delay_ms(3, 1.0), 1_350);
        assert_eq!(delay_ms(40, 0.0), 7_500);
        assert_eq!(delay_ms(u32::MAX, 1.0), 15_000);
    }
}
