//! Where a state lies on disk: under a name that says whose it is, to whoever knows them by their numbers, and nothing else.
//! So it can be found and deleted without being opened.

use std::path::{Path, PathBuf};
use std::process;

use sha2::{Digest, Sha256};

use super::directory::{EXTENSION, UNFINISHED};
use super::{Identity, Label, Owner};
use crate::Whose;

/// Stands for the number of a conversation where there is none.
const NO_CONVERSATION: &str = "none";

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
        for token in &label.tokens {
            hasher.update(token.to_le_bytes());
        }
        let hash: String = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        let name = match label.owner {
            Owner::Everybody => format!("everybody-{hash}"),
            Owner::One(whose) => format!("{}{hash}", beginning(whose)),
        };
        self.directory.join(name).with_extension(EXTENSION)
    }

    /// The same while this process writes it.
    pub(crate) fn unfinished(&self, label: &Label) -> PathBuf {
        self.finished(label).with_extension(format!("{}.{UNFINISHED}", process::id()))
    }
}

/// Whose a file is, by its name; none where it is everybody's, or no state.
pub(super) fn whose(name: &str) -> Option<Whose> {
    let mut parts = name.split('-');
    let user = u128::from_str_radix(parts.next()?, 16).ok()?;
    let conversation = match parts.next()? {
        NO_CONVERSATION => None,
        number => Some(u128::from_str_radix(number, 16).ok()?),
    };
    parts.next().map(|_hash| Whose { user, conversation })
}

fn beginning(whose: Whose) -> String {
    let conversation = whose.conversation.map(|number| format!("{number:032x}"));
    format!("{:032x}-{}-", whose.user, conversation.as_deref().unwrap_or(NO_CONVERSATION))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_whose_a_state_is() {
        let names = Names::new(Path::new("states"), [7; 32]);
        for conversation in [None, Some(0), Some(u128::MAX)] {
            let is = Whose { user: 5, conversation };
            let label = Label { owner: Owner::One(is), tokens: vec![1, 2] };
            for path in [names.finished(&label), names.unfinished(&label)] {
                assert_eq!(whose(path.file_name().unwrap().to_str().unwrap()), Some(is));
            }
        }
        let shared = names.finished(&Label { owner: Owner::Everybody, tokens: vec![1, 2] });
        assert_eq!(whose(shared.file_name().unwrap().to_str().unwrap()), None);
        assert_eq!(whose("tuning.toml"), None);
    }
}
