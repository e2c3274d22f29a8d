//! What a model's header tells of its size: weights, layers, widths. The formulas for buffers follow what llama.cpp
//! makes of SmolLM2 and Gemma 3; a test of `engine-llama` holds them to it.

use crate::decoder::LoadRequest;
use crate::gguf::Header;
use crate::{CacheType, FlashAttention, MemoryUse};

/// Most layers that are believed; the deepest models have a few hundred.
const LAYERS_MAX: u64 = 1_024;
/// Where the header does not tell: 16-bit keys and values of a token in a model of a few billion parameters.
const CACHE_GUESS_BYTES_PER_TOKEN: u64 = 128 * 1024;
/// Tokens that a worker evaluates in one go.
const BATCH_TOKENS: u64 = 512;
/// llama.cpp makes the cache of a slot a multiple of this.
const CELLS_STEP: u64 = 256;
/// A 32-bit number.
const FLOAT_BYTES: u64 = 4;
/// Texts, scores and tables of one entry of the vocabulary.
const TOKEN_BYTES: u64 = 160;
/// What is noted of one place in the cache beside keys and values.
const CELL_BYTES: u64 = 80;

/// What of the header counts.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    weights_bytes: u64,
    /// None where the header does not tell.
    layers: Option<Vec<Layer>>,
    pub(super) trained_tokens: Option<u32>,
    embedding: u64,
    feed_forward: u64,
    heads: u64,
    /// Which tokens see which, once for each kind of attention.
    masks: u64,
    vocabulary: u64,
}

/// Numbers that one layer keeps.
#[derive(Clone, Copy, Debug, Default)]
struct Layer {
    /// Of each token.
    keys: u64,
    /// Of each token.
    values: u64,
    /// Of each slot, however long it is: recurrent layers.
    state: u64,
}

impl Shape {
    /// `other_parts_bytes` are the files that the model has beside this one.
    pub(super) fn of(header: &Header, other_parts_bytes: u64) -> Self {
        let of = |key: &str| header.of_architecture(key);
        let experts = of("expert_used_count")
            .unwrap_or(0)
            .saturating_mul(of("expert_feed_forward_length").unwrap_or(0));
        let dense = header.of_layer("feed_forward_length", 0).unwrap_or(0);
        Self {
            weights_bytes: header.weights_bytes().saturating_add(other_parts_bytes),
            layers: layers(header),
            trained_tokens: header.context_tokens(),
            embedding: of("embedding_length").unwrap_or(0),
            feed_forward: dense.max(experts),
            heads: header.of_layer("attention.head_count", 0).unwrap_or(0),
            masks: if of("attention.sliding_window").is_some_and(|tokens| tokens > 0) { 2 } else { 1 },
            vocabulary: header.length("tokenizer.ggml.tokens").unwrap_or(0),
        }
    }

    /// What it takes when it is loaded so, beside the program.
    pub(super) fn memory(&self, load: &LoadRequest) -> MemoryUse {
        let slots = u64::from(load.slots.max(1));
        let cells = u64::from(load.slot_tokens(self.trained_tokens)).next_multiple_of(CELLS_STEP);
        let cells_of_all = cells.saturating_mul(slots);
        MemoryUse {
            weights_bytes: self.weights_bytes,
            cache_bytes: self.cache_bytes(load, cells_of_all, slots),
            compute_bytes: self.compute_bytes(load, cells, slots),
            process_bytes: (self.vocabulary.saturating_mul(TOKEN_BYTES))
                .saturating_add(cells_of_all.saturating_mul(CELL_BYTES)),
            ..MemoryUse::default()
        }
    }

    fn cache_bytes(&self, load: &LoadRequest, cells: u64, slots: u64) -> u64 {
        let Some(layers) = &self.layers else {
            return CACHE_GUESS_BYTES_PER_TOKEN.saturating_mul(cells);
        };
        let of_layer = |layer: &Layer| {
            let token = load.cache_type_k.size_bytes(layer.keys) + load.cache_type_v.size_bytes(layer.values);
            let state = layer.state.saturating_mul(FLOAT_BYTES).saturating_mul(slots);
            token.saturating_mul(cells).saturating_add(state)
        };
        layers.iter().map(of_layer).fold(0, u64::saturating_add)
    }

    fn compute_bytes(&self, load: &LoadRequest, cells: u64, slots: u64) -> u64 {
        let batch = BATCH_TOKENS.max(slots);
        // As they are computed, and as they are read.
        let logits = slots.saturating_mul(self.vocabulary).saturating_mul(2 * FLOAT_BYTES);
        let widths = self.feed_forward.saturating_add(self.embedding.saturating_mul(2));
        let activations = batch.saturating_mul(widths).saturating_mul(FLOAT_BYTES);
        let pairs = batch.saturating_mul(cells);
        let masks = pairs.saturating_mul(self.masks).saturating_mul(FLOAT_BYTES / 2);
        let scores = match load.flash_attention {
            FlashAttention::Auto | FlashAttention::On => 0,
            FlashAttention::Off => pairs.saturating_mul(self.heads).saturating_mul(FLOAT_BYTES),
        };
        [logits, activations, masks, scores].into_iter().fold(0, u64::saturating_add)
    }
}

impl CacheType {
    /// Bytes of so many numbers, which are kept in blocks of 32.
    fn size_bytes(self, numbers: u64) -> u64 {
        let block_bytes = match self {
            Self::F32 => 128,
            Self::F16 | Self::Bf16 => 64,
            Self::Q8_0 => 34,
            Self::Q5_1 => 24,
            Self::Q5_0 => 22,
            Self::Q4_1 => 20,
            Self::Q4_0 => 18,
        };
        numbers.saturating_mul(block_bytes).div_ceil(32)
    }
}

fn layers(header: &Header) -> Option<Vec<Layer>> {
    let count = header.of_architecture("block_count").filter(|count| *count <= LAYERS_MAX)?;
    (0..count as usize).map(|layer| of_layer(header, layer, count)).collect()
}

fn of_layer(header: &Header, layer: usize, layers: u64) -> Option<Layer> {
    let of = |key: &str| header.of_layer(key, layer);
    let state = state(header);
    let heads = of("attention.head_count").unwrap_or(0);
    let cache_heads = of("attention.head_count_kv").unwrap_or(heads);
    let interval = header.of_architecture("full_attention_interval").filter(|interval| *interval > 0);
    let is_recurrent = interval.is_some_and(|interval| !(layer as u64 + 1).is_multiple_of(interval));
    if cache_heads == 0 || is_recurrent {
        // Where there is neither, the layer keeps nothing, or the header does not tell.
        return (state > 0 || heads > 0).then_some(Layer { state, ..Layer::default() });
    }
    // Layers behind these use the keys and values of others.
    let shared = header.of_architecture("attention.shared_kv_layers").unwrap_or(0);
    if layer as u64 >= layers.saturating_sub(shared) {
        return Some(Layer::default());
    }
    let width = header.of_architecture("embedding_length")?.checked_div(heads)?;
    let is_sliding = of("attention.sliding_window_pattern").is_some_and(|slides| slides == 1);
    let sliding = |key: &str| is_sliding.then(|| of(&format!("attention.{key}_swa"))).flatten();
    let key = sliding("key_length").or_else(|| of("attention.key_length")).unwrap_or(width);
    let value = sliding("value_length").or_else(|| of("attention.value_length")).unwrap_or(width);
    // Of such models one short vector stands for the keys and values of all heads.
    if of("attention.key_length_mla").is_some() {
        return Some(Layer { keys: key, values: 0, state: 0 });
    }
    let has_both = interval.is_none() && header.of_architecture("attention.head_count_kv").is_some();
    let state = if has_both { state } else { 0 };
    Some(Layer { keys: cache_heads.saturating_mul(key), values: cache_heads.saturating_mul(value), state })
}

/// Numbers that a recurrent layer keeps of a slot; 0 where the model has none.
fn state(header: &Header) -> u64 {
    let of = |key: &str| header.of_architecture(key).unwrap_or(0);
    let embedding = of("embedding_length");
    if let Some(head) = header.of_architecture("wkv.head_size") {
        let shifts = header.of_architecture("token_shift_count").unwrap_or(2);
        return embedding.saturating_mul(head.saturating_add(shifts));
    }
    if let Some(window) = header.of_architecture("shortconv.l_cache") {
        return embedding.saturating_mul(window.saturating_sub(1));
    }
    let (inner, size) = (of("ssm.inner_size"), of("ssm.state_size"));
    let groups = of("ssm.group_count").saturating_mul(size).saturating_mul(2);
    let window = of("ssm.conv_kernel").saturating_sub(1).saturating_mul(inner.saturating_add(groups));
    window.saturating_add(inner.saturating_mul(size))
}

#[cfg(test)]
mod tests;
