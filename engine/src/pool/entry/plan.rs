//! How a model is to be loaded, what it will take, and what is said where that is too much.

use std::path::Path;

use tokio::time::Instant;

use super::{Entry, State};
use crate::decoder::LoadRequest;
use crate::memory::{self, Room};
use crate::pool::sweeper;
use crate::{EngineConfig, GenerationError, ModelId, ModelSettings, StateBudget};

/// What its worker is told.
pub(super) fn load_request(
    id: &ModelId,
    path: &Path,
    settings: ModelSettings,
    config: &EngineConfig,
) -> LoadRequest {
    LoadRequest {
        path: path.to_owned(),
        slots: settings.slots.unwrap_or(config.slots),
        context_tokens: settings.context_tokens.or(config.context_tokens),
        threads: settings.threads.or(config.threads),
        batch_threads: settings.batch_threads.or(config.threads),
        gpu_layers: settings.gpu_layers,
        cache_type_k: settings.cache_type_k,
        cache_type_v: settings.cache_type_v,
        flash_attention: settings.flash_attention,
        lora: settings.lora,
        draft_model: settings.draft_model,
        speculation: settings.speculation,
        states: StateBudget {
            directory: sweeper::directory_of(&config.state_dir, id.as_str()),
            memory_bytes: config.states_memory_bytes,
            disk_bytes: config.states_disk_bytes,
            max_age: config.states_max_age,
        },
    }
}

impl Entry {
    /// Requests that it takes, running and waiting.
    pub(in crate::pool) fn places(&self, config: &EngineConfig) -> usize {
        let slots = self.plan.as_ref().map_or(config.slots, |load| load.slots);
        slots as usize + config.queue_capacity
    }

    /// Whether it is to be loaded as soon as there is room.
    pub(in crate::pool) fn is_wanted(&self) -> bool {
        let is_kept = self.is_pinned && !self.is_let_go;
        matches!(self.state(), State::Unloaded) && (is_kept || !self.waiting.is_empty())
    }

    /// Whether its loading is still of use to anybody.
    pub(in crate::pool) fn is_awaited(&self) -> bool {
        let is_kept = self.is_pinned && !self.is_let_go;
        is_kept || !self.waiting.is_empty()
    }

    /// Refuses it and everybody who waits for it, because it needs more than can ever be free.
    pub(in crate::pool) fn refuse_as_too_large(&mut self, budget_bytes: u64, free_bytes: u64, now: Instant) {
        let room = Room { budget_bytes, free_bytes, needed_bytes: self.memory.counted_bytes() };
        let known = self.needs.as_ref().zip(self.plan.as_ref().ok());
        self.reject(memory::refusal(known, room), now);
    }

    /// Refuses it for a reason that only other settings remove. It is looked at again whenever it is asked for.
    pub(in crate::pool) fn reject(&mut self, message: String, now: Instant) {
        let error = GenerationError::ModelUnusable { message };
        self.enter(State::Failed { error: error.clone(), retry_at: now });
        self.fail_waiting(&error);
    }
}
