//! What a loaded model takes of the memory.

use serde::{Deserialize, Serialize};

/// Bytes that one model's process takes, estimated or measured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryUse {
    /// Weights, those of adapters and of a draft model too, whether read or mapped.
    pub weights_bytes: u64,
    /// Keys and values of all slots, or what stands for them in recurrent models.
    pub cache_bytes: u64,
    /// For the steps.
    pub compute_bytes: u64,
    /// States of sequences without a slot, at most.
    pub states_bytes: u64,
    /// The program itself, with its tables.
    pub process_bytes: u64,
}

impl MemoryUse {
    /// All of it.
    pub fn total_bytes(&self) -> u64 {
        [self.weights_bytes, self.cache_bytes, self.compute_bytes, self.states_bytes, self.process_bytes]
            .into_iter()
            .fold(0, u64::saturating_add)
    }
}
