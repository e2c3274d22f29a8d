//! The server's keys: all derived from one secret, so that there is one thing to keep and to share.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;

/// A derived key.
pub(in crate::services) type Key = [u8; 32];

/// The keys of one installation.
#[derive(Clone)]
pub struct Keys {
    pub(super) access_token: Key,
    pub(super) refresh_token: Key,
    pub(super) pepper: Key,
    pub(super) invitation: Key,
    pub(in crate::services) traces: Key,
    setup_token: Key,
    fingerprint: Key,
}

/// The secret key could not be read or made.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read, written or made.
    #[error("cannot {action} the secret key {path}: {source}")]
    File {
        /// What was tried.
        action: &'static str,
        /// Which file.
        path: String,
        /// Why it failed.
        source: std::io::Error,
    },
    /// The file is there, but is not a key.
    #[error(
        "the secret key {path} has {chars} characters instead of at least {min}; if it was cut, put the whole one \
         back from your backup (without it nobody can sign in)"
    )]
    Short {
        /// Which file.
        path: String,
        /// Its length.
        chars: usize,
        /// The shortest that is taken.
        min: usize,
    },
}

/// As many characters as a 256-bit key has bytes.
const SECRET_MIN_CHARS: usize = 32;

impl Keys {
    /// The keys of `secret`, or of the secret in `file`, which is made (mode 0600) on the first start.
    pub fn load(secret: Option<&SecretString>, file: &Path) -> Result<Self, KeyError> {
        match secret {
            Some(secret) => Ok(Self::derive(secret)),
            None => Ok(Self::derive(&read_or_make(file)?)),
        }
    }

    /// The keys of a secret.
    pub fn derive(secret: &SecretString) -> Self {
        let key = |purpose: &str| hmac_sha256(secret.expose_secret().as_bytes(), purpose.as_bytes());
        Self {
            access_token: key("oriel access token"),
            refresh_token: key("oriel refresh token"),
            pepper: key("oriel password pepper"),
            invitation: key("oriel invitation"),
            traces: key("oriel traces"),
            setup_token: key("oriel setup token"),
            fingerprint: key("oriel fingerprint"),
        }
    }

    /// Tells two secrets apart and nothing about them.
    pub fn fingerprint(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.fingerprint)
    }

    /// The one-time token for the first account: the same on all servers of an installation, and after a restart.
    pub fn setup_token(&self) -> String {
        URL_SAFE_NO_PAD
            .encode(self.setup_token)
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .take(24)
            .collect()
    }
}

/// HMAC-SHA-256.
pub(in crate::services) fn hmac_sha256(key: &[u8], message: &[u8]) -> Key {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of every length")]
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key).expect("any length is a key");
    mac.update(message);
    mac.finalize().into_bytes().into()
}

/// Compares without telling by its time how much was right.
pub(super) fn equal(one: &[u8], other: &[u8]) -> bool {
    // The comparison sees only hashes under a key that nobody knows, so their common prefix says nothing.
    let key = rand::random::<Key>();
    hmac_sha256(&key, one) == hmac_sha256(&key, other)
}

fn read_or_make(path: &Path) -> Result<SecretString, KeyError> {
    let failed = |action| {
        let path = path.display().to_string();
        move |source| KeyError::File { action, path, source }
    };
    match std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(mut file) => {
            let secret = URL_SAFE_NO_PAD.encode(rand::random::<Key>());
            file.write_all(secret.as_bytes()).and_then(|()| file.sync_all()).map_err(failed("write"))?;
            Ok(secret.into())
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            let mut text = String::new();
            std::fs::File::open(path)
                .and_then(|mut file| file.read_to_string(&mut text))
                .map_err(failed("read"))?;
            let chars = text.trim().chars().count();
            if chars < SECRET_MIN_CHARS {
                let path = path.display().to_string();
                return Err(KeyError::Short { path, chars, min: SECRET_MIN_CHARS });
            }
            Ok(text.trim().to_owned().into())
        }
        Err(error) => Err(failed("make")(error)),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_key_is_made_once_and_only_its_owner_can_read_it() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("secret_key");
        let made = Keys::load(None, &file).unwrap();
        let read = Keys::load(None, &file).unwrap();
        assert_eq!(made.fingerprint(), read.fingerprint());
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_key_that_was_cut_is_refused_and_kept() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("secret_key");
        std::fs::write(&file, "short").unwrap();
        assert!(matches!(Keys::load(None, &file), Err(KeyError::Short { chars: 5, .. })));
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "short");
    }

    #[test]
    fn different_secrets_have_different_fingerprints_and_setup_tokens() {
        let one = Keys::derive(&"one secret".to_owned().into());
        let other = Keys::derive(&"another secret".to_owned().into());
        assert_ne!(one.fingerprint(), other.fingerprint());
        assert_ne!(one.setup_token(), other.setup_token());
        assert_eq!(one.setup_token().len(), 24);
    }
}
