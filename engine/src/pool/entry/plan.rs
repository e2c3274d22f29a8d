//! How a model is to be loaded, what it will take, and what is said where that is too much.

use std::path::Path;

use tokio::time::Instant;

use super::{Entry, State};
use crate::decoder::LoadRequest;
use crate::gguf::Header;
use crate::memory::{self, Needs, Room};
use crate::pool::sweeper;
use crate::{
    EngineConfig, GenerationError, MemoryUse, ModelId, ModelMemory, ModelSettings, StateBudget, catalog,
};

/// What follows from a model's file and its settings before it is loaded.
pub(super) struct Prepared {
    pub(super) plan: Result<LoadRequest, String>,
    pub(super) needs: Option<Needs>,
    pub(super) estimated: MemoryUse,
    pub(super) is_pinned: bool,
}

impl Prepared {
    /// `header` is none where it is wrong.
    pub(super) fn new(
        (id, path, size_bytes): (&ModelId, &Path, u64),
        header: Option<&Header>,
        settings: &Result<ModelSettings, String>,
        config: &EngineConfig,
    ) -> Self {
        let understood = settings.as_ref().ok();
        let needs = header.zip(understood).map(|(header, settings)| Needs::read(path, header, settings));
        let mut plan = settings.clone().map(|settings| load_request(id, path, settings, config));
        if let (Ok(load), Some(needs), None) = (&mut plan, &needs, config.states_memory_bytes) {
            load.states.memory_bytes = needs.usual_states_bytes(load, config.memory_budget_bytes);
        }
        let estimated = match (&needs, &plan) {
            (Some(needs), Ok(load)) => needs.memory(load),
            _ => MemoryUse { weights_bytes: size_bytes, ..MemoryUse::default() },
        };
        Self { plan, needs, estimated, is_pinned: understood.is_some_and(|settings| settings.pinned) }
    }
}

/// What its worker is told.
fn load_request(id: &ModelId, path: &Path, settings: ModelSettings, config: &EngineConfig) -> LoadRequest {
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
            memory_bytes: config.states_memory_bytes.unwrap_or(0),
            disk_bytes: config.states_disk_bytes,
            max_age: config.states_max_age,
        },
    }
}

impl Entry {
    /// Takes up what is now set for it, unless it has a process, which goes on as it was loaded.
    pub(in crate::pool) fn follow(&mut self, settings: Result<ModelSettings, String>, config: &EngineConfig) {
        if self.worker().is_some() || settings == self.settings {
            return;
        }
        let header = catalog::read_header(&self.path).ok();
        let of_model = (&self.id, self.path.as_path(), self.size_bytes);
        let prepared = Prepared::new(of_model, header.as_ref(), &settings, config);
        self.settings = settings;
        self.plan = prepared.plan;
        self.needs = prepared.needs;
        self.is_pinned = prepared.is_pinned;
        self.memory = ModelMemory { estimated: prepared.estimated, measured: None };
        match self.plan.clone() {
            Err(message) => self.reject(message, Instant::now()),
            Ok(_) if header.is_some() => self.enter(State::Unloaded),
            Ok(_) => {}
        }
    }

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
