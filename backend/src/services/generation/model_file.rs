//! What tells one model file from another that has its name: tokens of the one mean nothing to the other.
//!
//! Size and modification time differ between copies on different machines, and a hash of a whole file takes half a
//! minute. So the size and samples from the whole length of the file are hashed: a few milliseconds, and any two files
//! with different weights differ everywhere.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use engine::{Engine, ModelId};
use sha2::{Digest, Sha256};

/// Places that are looked at: the first is the header, the others fall on weights.
const SAMPLES: u64 = 16;
/// Bytes of each: all together no more than a disk reads in the blink of an eye.
const SAMPLE_BYTES: u64 = 64 * 1024;

/// The files of the models. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct ModelFiles {
    known: Arc<Mutex<HashMap<PathBuf, Known>>>,
}

#[derive(Clone, Debug)]
struct Known {
    size_bytes: u64,
    modified: SystemTime,
    hash: String,
}

impl ModelFiles {
    /// What tells the file of a model from others; none where it cannot be read.
    pub async fn hash(&self, engine: &Engine, model: &ModelId) -> Option<String> {
        let path = engine.models().into_iter().find(|info| info.id == *model)?.path;
        let files = self.clone();
        let hash = tokio::task::spawn_blocking(move || files.hash_of(path)).await;
        match hash {
            Ok(Ok(hash)) => Some(hash),
            Ok(Err(error)) => {
                tracing::warn!(%model, %error, "the model's file cannot be read");
                None
            }
            Err(_panic) => None,
        }
    }

    fn hash_of(&self, path: PathBuf) -> io::Result<String> {
        let file = File::open(&path)?;
        let metadata = file.metadata()?;
        let (size_bytes, modified) = (metadata.len(), metadata.modified()?);
        let same = |known: &&Known| known.size_bytes == size_bytes && known.modified == modified;
        if let Some(known) = self.lock().get(&path).filter(same) {
            return Ok(known.hash.clone());
        }
        let hash = sample(&file, size_bytes)?;
        self.lock().insert(path, Known { size_bytes, modified, hash: hash.clone() });
        Ok(hash)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<PathBuf, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn sample(file: &File, size_bytes: u64) -> io::Result<String> {
    let mut hasher = Sha256::new();
    hasher.update(size_bytes.to_le_bytes());
    let mut buffer = vec![0; SAMPLE_BYTES.min(size_bytes) as usize];
    let last = size_bytes - buffer.len() as u64;
    for sample in 0..SAMPLES {
        file.read_exact_at(&mut buffer, last / (SAMPLES - 1) * sample)?;
        hasher.update(&buffer);
    }
    Ok(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn hash(path: &Path) -> String {
        ModelFiles::default().hash_of(path.to_owned()).unwrap()
    }

    #[test]
    fn a_copy_is_the_same_file_and_other_weights_are_another() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        let weights: Vec<u8> =
            (0..3_000_000_u32).map(|index| (index.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        std::fs::write(path("a"), &weights).unwrap();
        std::fs::copy(path("a"), path("copy")).unwrap();
        let others: Vec<u8> = weights.iter().map(|byte| byte ^ 1).collect();
        std::fs::write(path("others"), &others).unwrap();
        std::fs::write(path("longer"), [&weights[..], b"x"].concat()).unwrap();
        std::fs::write(path("tiny"), b"GGUF").unwrap();
        assert_eq!(hash(&path("a")), hash(&path("copy")));
        for other in ["others", "longer", "tiny"] {
            assert_ne!(hash(&path("a")), hash(&path(other)), "{other}");
        }
    }

    #[test]
    fn a_file_that_was_replaced_is_looked_at_again() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("model.gguf");
        let files = ModelFiles::default();
        std::fs::write(&path, b"one").unwrap();
        let one = files.hash_of(path.clone()).unwrap();
        assert_eq!(files.hash_of(path.clone()).unwrap(), one);
        std::fs::write(&path, b"another").unwrap();
        assert_ne!(files.hash_of(path).unwrap(), one);
    }
}
