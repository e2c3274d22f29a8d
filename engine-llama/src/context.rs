//! Makes llama.cpp's contexts: [`crate::load`] asks for the one that answers, [`crate::tuning`] for those that it tries.

use std::num::NonZeroU32;

use engine::decoder::LoadRequest;
use engine::{CacheType, FlashAttention};
use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::context::params::{KvCacheType, LlamaContextParams};
use llama_cpp_2::llama_backend::LlamaBackend;
use llama_cpp_2::model::LlamaModel;
use llama_cpp_sys_2::{
    LLAMA_FLASH_ATTN_TYPE_AUTO, LLAMA_FLASH_ATTN_TYPE_DISABLED, LLAMA_FLASH_ATTN_TYPE_ENABLED,
};

use crate::threads;

/// Most tokens in one pass over the weights: beyond it prompts are not read any faster, and the buffers grow with it.
pub const PASS_TOKENS: u32 = 512;

/// How a context is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContextPlan {
    /// Sequences.
    pub slots: u32,
    /// Of one slot.
    pub context_tokens: u32,
    /// In one call.
    pub batch_tokens: u32,
    /// In one pass over the weights.
    pub pass_tokens: u32,
    /// For one token of each stream.
    pub threads: u32,
    /// For prompts.
    pub batch_threads: u32,
    /// Whether attention is computed in one go.
    pub flash_attention: FlashAttention,
    /// How keys are kept.
    pub cache_type_k: CacheType,
    /// How values are kept.
    pub cache_type_v: CacheType,
    /// One cache for all slots. Then what a stream gets depends on who runs beside it: only to be measured.
    pub is_unified: bool,
}

impl ContextPlan {
    /// What `request` asks for; where it leaves a choice, what is safe everywhere.
    pub fn new(request: &LoadRequest, slots: u32, context_tokens: u32) -> Self {
        let threads = request.threads.unwrap_or_else(threads::cores).max(1);
        Self {
            slots,
            context_tokens,
            batch_tokens: PASS_TOKENS.max(slots),
            pass_tokens: PASS_TOKENS.max(slots),
            threads,
            batch_threads: request.batch_threads.unwrap_or(threads).max(1),
            flash_attention: request.flash_attention,
            cache_type_k: request.cache_type_k,
            cache_type_v: request.cache_type_v,
            is_unified: false,
        }
    }

    /// Values that are not floats are only read by flash attention.
    pub fn needs_flash_attention(&self) -> bool {
        !matches!(self.cache_type_v, CacheType::F32 | CacheType::F16 | CacheType::Bf16)
    }

    /// None where there is no memory for it, or the model cannot be used so; llama.cpp's log tells.
    pub fn make(&self, backend: &LlamaBackend, model: &'static LlamaModel) -> Option<LlamaContext<'static>> {
        let flash_attention = match self.flash_attention {
            FlashAttention::Auto if self.needs_flash_attention() => LLAMA_FLASH_ATTN_TYPE_ENABLED,
            FlashAttention::Auto => LLAMA_FLASH_ATTN_TYPE_AUTO,
            FlashAttention::On => LLAMA_FLASH_ATTN_TYPE_ENABLED,
            FlashAttention::Off => LLAMA_FLASH_ATTN_TYPE_DISABLED,
        };
        let params = LlamaContextParams::default()
            .with_n_ctx(NonZeroU32::new(self.context_tokens.checked_mul(self.slots)?))
            .with_n_seq_max(self.slots)
            .with_n_batch(self.batch_tokens)
            .with_n_ubatch(self.pass_tokens)
            .with_n_threads(self.threads.cast_signed())
            .with_n_threads_batch(self.batch_threads.cast_signed())
            .with_flash_attention_policy(flash_attention)
            .with_type_k(cache_type(self.cache_type_k))
            .with_type_v(cache_type(self.cache_type_v))
            .with_kv_unified(self.is_unified)
            // Sliding-window models keep all of their cache: else no prefix could be reused, and no draft cut off.
            .with_swa_full(true);
        model.new_context(backend, params).ok()
    }
}

fn cache_type(kind: CacheType) -> KvCacheType {
    match kind {
        CacheType::F32 => KvCacheType::F32,
        CacheType::F16 => KvCacheType::F16,
        CacheType::Bf16 => KvCacheType::BF16,
        CacheType::Q8_0 => KvCacheType::Q8_0,
        CacheType::Q5_1 => KvCacheType::Q5_1,
        CacheType::Q5_0 => KvCacheType::Q5_0,
        CacheType::Q4_1 => KvCacheType::Q4_1,
        CacheType::Q4_0 => KvCacheType::Q4_0,
    }
}
