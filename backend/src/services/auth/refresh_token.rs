//! Refresh tokens: 256 random bits, kept by the browser, known to the database by their hash.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use super::keys::{Key, Keys, hmac_sha256};

/// Seconds that a sign-in lasts without being used: a month, as people expect of a private machine.
pub const LIFETIME_S: u32 = 30 * 24 * 3600;

/// Seconds in which a token that was exchanged is answered with the same successor: two tabs, or an answer that was
/// lost, must not sign anybody out.
pub const GRACE_S: u32 = 15;

/// A token as the cookie carries it.
#[derive(Clone, PartialEq, Eq)]
pub struct RefreshToken(Key);

impl RefreshToken {
    /// The first token of a session.
    pub(super) fn random() -> Self {
        Self(rand::random())
    }

    /// The token that takes this one's place. Always the same, so that the loser of a race gets what the winner got,
    /// although the database has only hashes.
    pub(super) fn successor(&self, keys: &Keys) -> Self {
        Self(hmac_sha256(&keys.refresh_token, &self.0))
    }

    /// What the database knows it by.
    pub(super) fn sha256(&self) -> [u8; 32] {
        Sha256::digest(self.0).into()
    }

    /// From a cookie's value; none where it cannot be one of ours.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        Key::try_from(bytes).ok().map(Self)
    }

    /// The cookie's value.
    pub fn reveal(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_survives_its_text() {
        let token = RefreshToken::random();
        assert!(RefreshToken::parse(&token.reveal()).unwrap() == token);
        for text in ["", "x", "!!!", "AAAA"] {
            assert!(RefreshToken::parse(text).is_none());
        }
    }

    #[test]
    fn a_successor_is_the_same_each_time_and_not_to_be_guessed_without_the_key() {
        let keys = Keys::derive(&"one secret".to_owned().into());
        let others = Keys::derive(&"another secret".to_owned().into());
        let token = RefreshToken::random();
        assert!(token.successor(&keys) == token.successor(&keys));
        assert!(token.successor(&keys) != token.successor(&others));
        assert!(token.successor(&keys) != token);
    }
}
