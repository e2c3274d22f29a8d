//! What a model takes of the memory: estimated from its header before it is loaded, measured by its worker after.

use serde::{Deserialize, Serialize};

pub(crate) use advice::{Room, refusal};
pub(crate) use needs::Needs;

mod advice;
mod needs;
mod shape;

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
    /// Weights that were laid out anew for the processor. The places in the mapped file that they came from are not
    /// read again and give way when memory is short: so weights count once, and these are not in the total.
    pub copied_bytes: u64,
}

impl MemoryUse {
    /// All of it, weights once.
    pub fn total_bytes(&self) -> u64 {
        [self.weights_bytes, self.cache_bytes, self.compute_bytes, self.states_bytes, self.process_bytes]
            .into_iter()
            .fold(0, u64::saturating_add)
    }

    /// Both together, in one process.
    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            weights_bytes: self.weights_bytes.saturating_add(other.weights_bytes),
            cache_bytes: self.cache_bytes.saturating_add(other.cache_bytes),
            compute_bytes: self.compute_bytes.saturating_add(other.compute_bytes),
            states_bytes: self.states_bytes.saturating_add(other.states_bytes),
            process_bytes: self.process_bytes.saturating_add(other.process_bytes),
            copied_bytes: self.copied_bytes.saturating_add(other.copied_bytes),
        }
    }
}

/// What one model takes, as far as it is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ModelMemory {
    /// From its header and its settings.
    pub estimated: MemoryUse,
    /// By its worker, when it was loaded last.
    pub measured: Option<MemoryUse>,
}

impl ModelMemory {
    /// What is counted: what was measured, before that the estimate.
    pub fn counted_bytes(&self) -> u64 {
        self.measured.unwrap_or(self.estimated).total_bytes()
    }

    /// How far the estimate is from what was measured, in percent of that; above 0 where it is too much.
    pub fn error_percent(&self) -> Option<f64> {
        let measured = self.measured?.total_bytes() as f64;
        Some((self.estimated.total_bytes() as f64 - measured) / measured.max(1.0) * 100.0)
    }
}
