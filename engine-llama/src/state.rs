//! Sequence states of llama.cpp as bytes, and what tells those of one model from all others.
//!
//! Called by [`crate::decoder`] and [`crate::load`]. The only room of the worker that hands llama.cpp bytes which were
//! once in a file: the scheduler has checked them by then.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

use engine::decoder::LoadRequest;
use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::context::session::LlamaStateSeqFlags;
use llama_cpp_2::model::LlamaModel;
use sha2::{Digest, Sha256};

use crate::context::ContextPlan;

/// Places of a file that are looked at: the first is the header, the others fall on weights.
const SAMPLES: u64 = 64;
/// Bytes of each. All together are read in some milliseconds.
const SAMPLE_BYTES: u64 = 64 * 1024;
/// Other sources may write states otherwise.
const LLAMA_CPP: &str = env!("LLAMA_CPP");

/// How far back a model looks, and whether it forgets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Tokens that its sliding window takes in, where some of its layers have one.
    pub window: Option<u32>,
    /// Whether what it knows of the past is folded into one state, out of which nothing can be taken.
    pub is_folded: bool,
}

impl Memory {
    /// As the model's file tells.
    pub fn of(model: &LlamaModel) -> Self {
        let text = |key: &str| model.meta_val_str(key).unwrap_or_default();
        let window = text(&format!("{}.attention.sliding_window", text("general.architecture")));
        Self {
            window: window.parse().ok().filter(|tokens| *tokens > 0),
            is_folded: model.is_recurrent() || model.is_hybrid(),
        }
    }

    /// Whether a state that was saved may be cut after it is restored: of a sliding window, only what the next token sees
    /// is saved.
    pub fn can_be_cut(self) -> bool {
        self.window.is_none() && !self.is_folded
    }

    /// Whether all that the token at `position` looks at is there in a cache whose first position is `first`.
    pub fn sees_all(self, first: i32, position: u32) -> bool {
        let reach = i64::from(position) - i64::from(first);
        first <= 0 || self.window.is_some_and(|window| reach >= i64::from(window))
    }
}

/// What the state of a sequence takes.
pub fn size_bytes(context: &LlamaContext<'_>, sequence: i32) -> usize {
    context.state_seq_get_size_ext(sequence, LlamaStateSeqFlags::empty())
}

/// The state of a sequence.
#[allow(unsafe_code, reason = "the safe call keeps the bytes to itself")]
pub fn save(context: &LlamaContext<'_>, sequence: i32) -> Option<Vec<u8>> {
    let size = size_bytes(context, sequence);
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(size).ok()?;
    // SAFETY: there is room for `size` bytes, which is what llama.cpp has just told for this sequence; nothing has been
    // evaluated since.
    let written =
        unsafe { context.state_seq_get_data_ext(bytes.as_mut_ptr(), sequence, LlamaStateSeqFlags::empty()) };
    if written != size {
        return None;
    }
    // SAFETY: llama.cpp has written all of them.
    unsafe { bytes.set_len(size) };
    Some(bytes)
}

/// Puts a state that [`save`] gave in place of all that a sequence holds. Where it answers `false`, the content is unknown.
#[allow(unsafe_code, reason = "the safe call takes no bytes from elsewhere")]
pub fn restore(context: &mut LlamaContext<'_>, sequence: i32, state: &[u8]) -> bool {
    // SAFETY: the bytes came from `save` of the same model, loaded in the same way: whoever reads them from a file checks
    // identity, length and checksum first. A shape that does not fit is an error of llama.cpp's, not an abort.
    unsafe { context.state_seq_set_data_ext(state, sequence, LlamaStateSeqFlags::empty()) }
}

/// Writes the state of a sequence into a file, piece by piece.
pub fn save_file(context: &LlamaContext<'_>, sequence: i32, path: &Path) -> bool {
    context.state_seq_save_file(path, sequence, &[]).is_ok()
}

/// As [`restore`], from a file that [`save_file`] has written. More may stand behind it.
pub fn restore_file(context: &mut LlamaContext<'_>, sequence: i32, path: &Path) -> bool {
    // The tokens of the sequence are known elsewhere: the file holds none.
    context.state_seq_load_file(path, sequence, 0).is_ok()
}

/// What states of this model, loaded in this way, have in common, and share with no others.
///
/// # Errors
/// A file cannot be read.
pub fn identity(request: &LoadRequest, plan: &ContextPlan) -> io::Result<[u8; 32]> {
    let mut hasher = Sha256::new();
    hasher.update(LLAMA_CPP);
    hash_file(&mut hasher, &request.path)?;
    for adapter in &request.lora {
        hash_file(&mut hasher, &adapter.path)?;
        hasher.update(adapter.scale.to_le_bytes());
    }
    let kept = (plan.cache_type_k, plan.cache_type_v, plan.flash_attention, plan.is_unified, plan.slots);
    hasher.update(format!("{kept:?}"));
    Ok(hasher.finalize().into())
}

/// Its size, its time and samples of its bytes: hashing gigabytes would be felt, and files with different weights differ
/// nearly everywhere.
fn hash_file(hasher: &mut Sha256, path: &Path) -> io::Result<()> {
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    hasher.update(metadata.len().to_le_bytes());
    hasher.update(metadata.mtime().to_le_bytes());
    hasher.update(metadata.mtime_nsec().to_le_bytes());
    let mut sample = vec![0; SAMPLE_BYTES.min(metadata.len()) as usize];
    let last = metadata.len() - sample.len() as u64;
    for index in 0..SAMPLES {
        file.read_exact_at(&mut sample, last / (SAMPLES - 1) * index)?;
        hasher.update(&sample);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::{Duration, SystemTime};

    use engine::LoraAdapter;

    use super::*;

    fn at_the_same_time(path: &Path, bytes: &[u8]) {
        fs::write(path, bytes).unwrap();
        let then = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
        File::options().write(true).open(path).unwrap().set_modified(then).unwrap();
    }

    #[test]
    fn other_weights_adapters_or_caches_are_another_model() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("model.gguf");
        let weights: Vec<u8> = (0..9_000_000_u32).map(|index| (index.wrapping_mul(97) >> 8) as u8).collect();
        at_the_same_time(&path, &weights);
        let request = LoadRequest::new(&path);
        let of = |request: &LoadRequest| identity(request, &ContextPlan::new(request, 2, 512)).unwrap();
        let original = of(&request);
        assert_eq!(of(&request), original);

        let quantised = LoadRequest { cache_type_k: engine::CacheType::Q8_0, ..request.clone() };
        assert_ne!(of(&quantised), original);
        let adapted =
            LoadRequest { lora: vec![LoraAdapter { path: path.clone(), scale: 1.0 }], ..request.clone() };
        assert_ne!(of(&adapted), original);
        let weaker =
            LoadRequest { lora: vec![LoraAdapter { path: path.clone(), scale: 0.5 }], ..request.clone() };
        assert_ne!(of(&weaker), of(&adapted));

        let others: Vec<u8> = weights.iter().map(|byte| byte ^ 1).collect();
        at_the_same_time(&path, &others);
        assert_ne!(of(&request), original, "the same size and time, and other weights");
        let none = LoadRequest::new(directory.path().join("none"));
        assert!(identity(&none, &ContextPlan::new(&none, 2, 512)).is_err());
    }

    #[test]
    fn behind_a_window_nothing_can_be_cut_off() {
        let plain = Memory { window: None, is_folded: false };
        let sliding = Memory { window: Some(512), is_folded: false };
        assert!(plain.can_be_cut() && !sliding.can_be_cut());
        assert!(sliding.sees_all(0, 3) && sliding.sees_all(1_000, 1_512) && sliding.sees_all(1_000, 2_000));
        assert!(!sliding.sees_all(1_000, 1_511) && !plain.sees_all(1, 100));
    }
}
