//! How tries to sign in are slowed down: per address and per account, and wrong API keys per address, counted in the
//! database for all servers.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use shared::ErrorCode;
use store::Store;
use store::throttle::{LoginAttempt, ThrottlePolicy};

use crate::AppError;
use crate::error::AppResult;

/// A person mistypes a few times; a minute between guesses makes a list of a thousand passwords take a day, and
/// keeps nobody out for longer than that minute.
const POLICY: ThrottlePolicy = ThrottlePolicy {
    free_attempts: 5,
    first_delay: Duration::from_secs(1),
    max_delay: Duration::from_secs(60),
    forget_after: Duration::from_secs(3600),
};

/// Counts a try, or refuses it with the time to wait.
pub(super) async fn begin(store: &Store, address: IpAddr, account: &str) -> AppResult<()> {
    outcome(store.begin_login(&address_key(address), account, &POLICY).await?)
}

/// Counts a wrong API key, or refuses it with the time to wait.
pub(super) async fn wrong_key(store: &Store, address: IpAddr) -> AppResult<()> {
    outcome(store.count_wrong_key(&address_key(address), &POLICY).await?)
}

fn outcome(attempt: LoginAttempt) -> AppResult<()> {
    match attempt {
        LoginAttempt::Allowed => Ok(()),
        LoginAttempt::Blocked { retry_after_s } => Err(AppError::new(
            ErrorCode::RateLimited,
            format!("Too many tries. Wait {retry_after_s} seconds, then try again."),
        )
        .with_retry_after_s(retry_after_s)),
    }
}

/// The password was right.
pub(super) async fn succeeded(store: &Store, address: IpAddr, account: &str) -> AppResult<()> {
    Ok(store.login_succeeded(&address_key(address), account).await?)
}

/// Whoever has one IPv6 address has the 2^64 of its network.
fn address_key(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let network = Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64));
            format!("{network}/64")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_network_counts_as_one_address() {
        let key = |text: &str| address_key(text.parse().unwrap());
        assert_eq!(key("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
        assert_eq!(key("2001:db8:1:2::1"), key("2001:db8:1:2:ffff::1"));
        assert_ne!(key("2001:db8:1:2::1"), key("2001:db8:1:3::1"));
        assert_eq!(key("192.0.2.7"), "192.0.2.7");
        assert_eq!(key("::ffff:192.0.2.7"), "192.0.2.7");
    }
}
