//! How large the buffers are that llama.cpp makes: it tells its log, and nobody else.
//!
//! [`crate::log`] hands its lines over, [`crate::load`] asks when a model is loaded.

use std::sync::{Arc, Mutex, PoisonError};

use engine::MemoryUse;
use engine::decoder::ModelFacts;

/// How a line of the log that tells a size goes on behind the kind of the buffer.
const SIZE: &str = " buffer size = ";
/// Where weights are laid out anew, beside those of the mapped file.
const COPIES: [&str; 3] = ["CPU_REPACK", "CPU_ORIEL", "AMX"];
const MIB: f64 = 1024.0 * 1024.0;
/// A logit.
const LOGIT_BYTES: u64 = 4;

/// The buffers that were made since [`Buffers::forget`].
#[derive(Clone, Debug, Default)]
pub struct Buffers(Arc<Mutex<Heard>>);

#[derive(Clone, Copy, Debug, Default)]
struct Heard {
    memory: MemoryUse,
    /// How many buffers for steps were made.
    contexts: u64,
}

impl Buffers {
    /// Begins anew.
    pub fn forget(&self) {
        self.change(|heard| *heard = Heard::default());
    }

    /// Forgets all but the weights: contexts that were tried have gone.
    pub fn forget_contexts(&self) {
        self.change(|heard| {
            let MemoryUse { weights_bytes, copied_bytes, .. } = heard.memory;
            let memory = MemoryUse { weights_bytes, copied_bytes, ..MemoryUse::default() };
            *heard = Heard { memory, contexts: 0 };
        });
    }

    /// What the buffers will take once they are used, in contexts with these facts that evaluate `pass_tokens` in one
    /// pass. llama.cpp reserves logits for each of them and never writes more than are asked for: one for each slot.
    /// Memory that is not written to is not taken.
    pub fn memory(&self, facts: &ModelFacts, pass_tokens: u32) -> MemoryUse {
        let mut copy = Heard::default();
        self.change(|heard| copy = *heard);
        let Heard { mut memory, contexts } = copy;
        let unwritten = u64::from(pass_tokens.saturating_sub(facts.slots)) * contexts;
        let unwritten_bytes = unwritten * u64::from(facts.vocabulary_tokens) * LOGIT_BYTES;
        memory.compute_bytes = memory.compute_bytes.saturating_sub(unwritten_bytes);
        memory
    }

    /// Takes a line of the log.
    pub(crate) fn hear(&self, line: &str) {
        let Some((before, after)) = line.split_once(SIZE) else { return };
        let size_mib = after.trim().strip_suffix("MiB").and_then(|size| size.trim().parse::<f64>().ok());
        let (Some(size_mib), Some(kind)) = (size_mib, before.split_whitespace().next_back()) else { return };
        let size_bytes = (size_mib * MIB) as u64;
        let is_copy = COPIES.iter().any(|name| before.split_whitespace().any(|word| word == *name));
        self.change(|Heard { memory, contexts }| match kind {
            "model" if is_copy => memory.copied_bytes += size_bytes,
            "model" | "LoRA" => memory.weights_bytes += size_bytes,
            "KV" | "RS" => memory.cache_bytes += size_bytes,
            "output" => memory.compute_bytes += size_bytes,
            "compute" => {
                memory.compute_bytes += size_bytes;
                *contexts += 1;
            }
            _ => {}
        });
    }

    fn change(&self, change: impl FnOnce(&mut Heard)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_counted_by_what_they_are_for() {
        let buffers = Buffers::default();
        for line in [
            "load_tensors:   CPU_Mapped model buffer size =   235.00 MiB",
            "load_tensors:   CPU_REPACK model buffer size =    12.50 MiB",
            "llama_kv_cache:        CPU KV buffer size =   24.00 MiB",
            "llama_kv_cache:        CPU KV buffer size =  120.00 MiB",
            "llama_context:        CPU  output buffer size =     4.00 MiB",
            "sched_reserve:        CPU compute buffer size =   523.50 MiB",
            "load_tensors: something else = 3.00 MiB",
        ] {
            buffers.hear(line);
        }
        let facts = ModelFacts {
            slots: 4,
            context_tokens: 2048,
            batch_tokens: 512,
            vocabulary_tokens: 262_144,
            drafting: engine::decoder::Drafting::Off,
        };
        let mib = |size: f64| (size * MIB) as u64;
        let memory = buffers.memory(&facts, 512);
        assert_eq!(memory.weights_bytes, mib(235.0));
        assert_eq!(memory.copied_bytes, mib(12.5));
        assert_eq!(memory.cache_bytes, mib(144.0));
        assert_eq!(memory.compute_bytes, mib(527.5 - 508.0));
        buffers.forget_contexts();
        let weights = MemoryUse { cache_bytes: 0, compute_bytes: 0, ..memory };
        assert_eq!(buffers.memory(&facts, 512), weights);
        buffers.forget();
        assert_eq!(buffers.memory(&facts, 512), MemoryUse::default());
    }
}
