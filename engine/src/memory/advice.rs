//! What is said of a model that does not fit: by how much, and what would.

use super::Needs;
use crate::CacheType;
use crate::decoder::LoadRequest;

/// The shortest context that is worth to be proposed: a question and a page of answer.
const CONTEXT_MIN: u32 = 1_024;
/// Contexts are proposed in such steps.
const CONTEXT_STEP: u32 = 256;

/// Room for one model.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Room {
    /// What all models may take together.
    pub(crate) budget_bytes: u64,
    /// What of it no pinned model takes.
    pub(crate) free_bytes: u64,
    /// What this model takes as it is set.
    pub(crate) needed_bytes: u64,
}

/// A sentence for a model that needs more than is free; `known` is what is known of it, and how it is to be loaded.
pub(crate) fn refusal(known: Option<(&Needs, &LoadRequest)>, room: Room) -> String {
    let Room { budget_bytes, free_bytes, needed_bytes } = room;
    let (needed, free, budget) = (size(needed_bytes), size(free_bytes), size(budget_bytes));
    let ways = known.map(|(needs, load)| ways(needs, load, room)).unwrap_or_default();
    let way = match ways.as_slice() {
        [] => "Not even a short context would fit: choose a smaller file, or raise MEMORY_BUDGET_MIB."
            .to_owned(),
        ways => format!(
            "It would fit with {}: set that in models.toml, or raise MEMORY_BUDGET_MIB.",
            ways.join(", or with ")
        ),
    };
    format!("this model needs {needed} of memory, and {free} are free of the budget of {budget}. {way}")
}

fn ways(needs: &Needs, load: &LoadRequest, room: Room) -> Vec<String> {
    // What was measured is more or less than what was estimated, and will be so again.
    let surplus_bytes = room.needed_bytes.saturating_sub(needs.memory(load).total_bytes());
    let fits = |load: &LoadRequest| {
        needs.memory(load).total_bytes().saturating_add(surplus_bytes) <= room.free_bytes
    };
    let tokens = needs.slot_tokens(load);
    let with_context =
        |load: &LoadRequest, tokens: u32| LoadRequest { context_tokens: Some(tokens), ..load.clone() };
    let longest = |load: &LoadRequest| {
        let steps =
            (CONTEXT_MIN / CONTEXT_STEP..=tokens / CONTEXT_STEP).rev().map(|step| step * CONTEXT_STEP);
        std::iter::once(tokens)
            .chain(steps)
            .find(|tokens| *tokens >= CONTEXT_MIN && fits(&with_context(load, *tokens)))
    };
    let small = LoadRequest { cache_type_k: CacheType::Q8_0, cache_type_v: CacheType::Q8_0, ..load.clone() };
    let slots = (1..load.slots).rev().find(|slots| fits(&LoadRequest { slots: *slots, ..load.clone() }));
    let shorter = longest(load).map(|tokens| format!("context_tokens = {tokens}"));
    let smaller = longest(&small).filter(|_| is_wider(load)).map(|fitting| {
        let types = "cache_type_k = \"q8_0\" and cache_type_v = \"q8_0\"";
        if fitting == tokens { types.to_owned() } else { format!("{types} and context_tokens = {fitting}") }
    });
    let fewer = slots.map(|slots| format!("slots = {slots}"));
    [shorter, smaller, fewer].into_iter().flatten().collect()
}

/// Whether the cache is kept wider than with eight bits.
fn is_wider(load: &LoadRequest) -> bool {
    let is_wide = |kind| matches!(kind, CacheType::F32 | CacheType::F16 | CacheType::Bf16);
    is_wide(load.cache_type_k) || is_wide(load.cache_type_v)
}

fn size(bytes: u64) -> String {
    let mega = bytes as f64 / 1e6;
    if mega < 1000.0 { format!("{mega:.0} MB") } else { format!("{:.1} GB", mega / 1000.0) }
}

#[cfg(test)]
mod tests;
