//! What a model and all that belongs to it will take.

use std::fs;
use std::path::Path;

use super::MemoryUse;
use super::shape::Shape;
use crate::decoder::LoadRequest;
use crate::gguf::{self, Header, Tensor};
use crate::{LoraAdapter, ModelSettings};

/// The program, its libraries and their tables.
const PROGRAM_BYTES: u64 = 27 * 1024 * 1024;

/// Of the budget for all models, what the states of one may take: less than a model is worth, which would go for them.
const STATES_PART: u64 = 8;
/// Several adapters are added up as numbers of so many bytes.
const ADAPTER_NUMBER_BYTES: u64 = 4;

/// What has been read of a model's files, before it is known how it will be loaded.
#[derive(Clone, Debug)]
pub(crate) struct Needs {
    model: Shape,
    draft: Option<Shape>,
    adapters_bytes: u64,
}

impl Needs {
    /// Looks at the other files of a model. One that cannot be read counts nothing: it is refused when the model is loaded.
    pub(crate) fn read(path: &Path, header: &Header, settings: &ModelSettings) -> Self {
        let size_bytes = |path: &Path| fs::metadata(path).map_or(0, |file| file.len());
        let shape = |path: &Path, header: &Header| {
            Shape::of(header, gguf::parts(path).iter().skip(1).map(|part| size_bytes(part)).sum())
        };
        let draft = settings.draft_model.as_deref();
        Self {
            model: shape(path, header),
            draft: draft.and_then(|path| Some(shape(path, &Header::read(path).ok()?))),
            adapters_bytes: adapters_bytes(&settings.lora),
        }
    }

    /// An estimate of what it takes when it is loaded so.
    pub(crate) fn memory(&self, load: &LoadRequest) -> MemoryUse {
        let mut memory = self.model.memory(load);
        if let Some(draft) = &self.draft {
            memory = memory.plus(draft.memory(load));
        }
        memory.weights_bytes = memory.weights_bytes.saturating_add(self.adapters_bytes);
        memory.process_bytes = memory.process_bytes.saturating_add(PROGRAM_BYTES);
        memory.states_bytes = load.states.memory_bytes;
        memory
    }

    /// What may be kept of conversations that have no slot, where nobody has set it: as much as all slots hold together, so
    /// that each of them can make room once; of the budget not more than [`STATES_PART`], and nothing that the model needs.
    pub(crate) fn usual_states_bytes(&self, load: &LoadRequest, budget_bytes: Option<u64>) -> u64 {
        let needed = self.memory(load);
        let most_bytes = budget_bytes.map_or(u64::MAX, |budget_bytes| {
            let rest_bytes = budget_bytes.saturating_sub(needed.total_bytes() - needed.states_bytes);
            rest_bytes.min(budget_bytes / STATES_PART)
        });
        needed.cache_bytes.min(most_bytes)
    }

    /// Tokens that one slot holds when it is loaded so.
    pub(super) fn slot_tokens(&self, load: &LoadRequest) -> u32 {
        load.slot_tokens(self.model.trained_tokens)
    }
}

/// One adapter is kept as it is in its file.
fn adapters_bytes(adapters: &[LoraAdapter]) -> u64 {
    let headers = adapters.iter().filter_map(|adapter| Header::read(&adapter.path).ok());
    if adapters.len() <= 1 {
        return headers.map(|header| header.weights_bytes()).sum();
    }
    let numbers = |header: Header| header.tensors().iter().map(Tensor::elements).sum::<u64>();
    headers.map(|header| numbers(header).saturating_mul(ADAPTER_NUMBER_BYTES)).fold(0, u64::saturating_add)
}
