//! Where a state lies on disk: under a name that says nothing of it.

use std::path::{Path, PathBuf};
use std::process;

use sha2::{Digest, Sha256};

use super::directory::{EXTENSION, UNFINISHED};
use super::{Identity, Label, Owner};

/// The names in one model's directory.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    directory: PathBuf,
    identity: Identity,
}

impl Names {
    /// Of the states of the model that `identity` tells.
    pub(crate) fn new(directory: &Path, identity: Identity) -> Self {
        Self { directory: directory.to_owned(), identity }
    }

    /// The file of a state.
    pub(crate) fn finished(&self, label: &Label) -> PathBuf {
        let mut hasher = Sha256::new();
        hasher.update(self.identity);
        match label.owner {
            Owner::Everybody => hasher.update([0]),
            Owner::User(user) => {
                hasher.update([1]);
                hasher.update(user.to_le_bytes());
            }
        }
        for token in &label.tokens {
            hasher.update(token.to_le_bytes());
        }
        let name: String = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        self.directory.join(name).with_extension(EXTENSION)
    }

    /// The same while this process writes it.
    pub(crate) fn unfinished(&self, label: &Label) -> PathBuf {
        self.finished(label).with_extension(format!("{}.{UNFINISHED}", process::id()))
    }
}
