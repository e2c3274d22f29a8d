//! The scheduler's decoder over llama.cpp.
//!
//! Owned by the thread that runs the scheduler. A slot is a llama.cpp sequence with a cache of its own
//! (`kv_unified` is off), so what a stream gets does not depend on who runs beside it.

use std::path::Path;
use std::sync::Arc;

use engine::decoder::{
    BatchToken, DecodeError, Decoder, Logits, ModelFacts, SampleError, StateTraits, TokenFilter,
};
use engine::{SamplingParams, Token, TokenChoice, TokenLikelihood};
use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::llama_batch::LlamaBatch;
use llama_cpp_2::token::LlamaToken;

use crate::draft::DraftModel;
use crate::likelihood;
use crate::sampling::Sampler;
use crate::state::{self, Memory};
use crate::vocabulary::Vocabulary;

/// A loaded model with its caches and samplers.
#[derive(Debug)]
pub struct LlamaDecoder {
    context: LlamaContext<'static>,
    vocabulary: Arc<Vocabulary>,
    facts: ModelFacts,
    batch: LlamaBatch<'static>,
    /// Which rows of the last batch have logits. llama.cpp ends the process when asked for another.
    has_logits: Vec<bool>,
    memory: Memory,
    identity: [u8; 32],
    /// By slot.
    answering: Vec<Option<Answering>>,
    draft_model: Option<DraftModel>,
}

/// An answer that has begun.
#[derive(Debug)]
struct Answering {
    sampler: Sampler,
    /// The logits of a choice that could not be made yet.
    kept: Vec<f32>,
}

impl LlamaDecoder {
    /// `context` was made for `facts`, and so was that of the model that drafts; `identity` tells its states from those of
    /// others.
    pub fn new(
        context: LlamaContext<'static>,
        vocabulary: Arc<Vocabulary>,
        facts: ModelFacts,
        draft_model: Option<DraftModel>,
        identity: [u8; 32],
    ) -> Self {
        let batch = LlamaBatch::new(facts.batch_tokens as usize, 1);
        let answering = (0..facts.slots).map(|_| None).collect();
        let memory = Memory::of(vocabulary.model());
        let has_logits = Vec::new();
        Self { context, vocabulary, facts, batch, has_logits, memory, identity, answering, draft_model }
    }

    /// llama.cpp's number of a row that has logits; none where they are kept.
    fn row(&self, logits: Logits) -> Result<Option<i32>, DecodeError> {
        let Logits::Row(row) = logits else { return Ok(None) };
        if !self.has_logits.get(row).copied().unwrap_or_default() {
            return Err(fault(format!("row {row} of the last batch has no logits")));
        }
        i32::try_from(row).map(Some).map_err(fault)
    }

    /// Whether a slot holds what was to be restored there; it is empty where not.
    fn is_restored(&mut self, slot: u32, is_done: bool, tokens: u32) -> bool {
        let is_restored = is_done && self.held(slot) == tokens;
        if !is_restored {
            self.clear(slot);
        }
        is_restored
    }

    /// How many tokens a slot holds.
    fn held(&self, slot: u32) -> u32 {
        // The last position, -1 in an empty slot.
        let last = self.context.kv_cache_seq_pos_max(sequence(slot));
        u32::try_from(last + 1).unwrap_or_default()
    }
}

impl Decoder for LlamaDecoder {
    fn facts(&self) -> &ModelFacts {
        &self.facts
    }

    fn decode(&mut self, batch: &[BatchToken]) -> Result<(), DecodeError> {
        self.batch.clear();
        self.has_logits.clear();
        for entry in batch {
            let position = entry.position.cast_signed();
            self.batch
                .add(LlamaToken(entry.token), position, &[sequence(entry.slot)], entry.wants_logits)
                .map_err(fault)?;
        }
        self.context.decode(&mut self.batch).map_err(fault)?;
        self.has_logits.extend(batch.iter().map(|entry| entry.wants_logits));
        Ok(())
    }

    fn begin(&mut self, slot: u32, sampling: &SamplingParams, answer: &[Token]) -> Result<(), DecodeError> {
        let place = self.answering.get_mut(slot as usize).ok_or_else(|| fault(format!("no slot {slot}")))?;
        let vocabulary = &self.vocabulary;
        let sampler = Sampler::new(sampling, answer, |token| vocabulary.bytes(token));
        *place = Some(Answering { sampler, kept: Vec::new() });
        Ok(())
    }

    fn sample(
        &mut self,
        slot: u32,
        logits: Logits,
        draw: f64,
        filter: Option<&mut (dyn TokenFilter + 'static)>,
    ) -> Result<Option<Token>, SampleError> {
        let row = self.row(logits)?;
        let Some(Answering { sampler, kept }) =
            self.answering.get_mut(slot as usize).and_then(Option::as_mut)
        else {
            return Err(fault(format!("no answer has begun in slot {slot}")).into());
        };
        let read = row.map(|row| self.context.get_logits_ith(row));
        let token = sampler.choose(read.unwrap_or(kept), draw, filter)?;
        match (token, read) {
            (Some(token), _) => sampler.count(token, self.vocabulary.bytes(token)),
            (None, Some(read)) => {
                kept.clear();
                kept.extend_from_slice(read);
            }
            (None, None) => {}
        }
        Ok(token)
    }

    fn choice(
        &mut self,
        slot: u32,
        logits: Logits,
        token: Token,
        top: u32,
    ) -> Result<TokenChoice, DecodeError> {
        let kept = self.answering.get(slot as usize).and_then(Option::as_ref);
        let logits = match self.row(logits)? {
            Some(row) => self.context.get_logits_ith(row),
            None => kept.map(|answering| answering.kept.as_slice()).unwrap_or_default(),
        };
        let likely = likelihood::of(logits, token, top as usize);
        let tell = |(token, logprob): (Token, f32)| TokenLikelihood {
            token,
            bytes: self.vocabulary.bytes(token).to_vec(),
            logprob,
        };
        Ok(TokenChoice { chosen: tell(likely.chosen), top: likely.top.into_iter().map(tell).collect() })
    }

    fn draft(&mut self, slot: u32, tokens: &[Token], most: usize) -> Vec<Token> {
        let Some(draft_model) = &mut self.draft_model else { return Vec::new() };
        draft_model.draft(slot, tokens, most).unwrap_or_else(|error| {
            tracing::warn!(%error, "the draft model failed");
            Vec::new()
        })
    }

    fn end(&mut self, slot: u32) {
        if let Some(place) = self.answering.get_mut(slot as usize) {
            *place = None;
        }
    }

    fn keep_prefix(&mut self, slot: u32, tokens: u32) -> u32 {
        if tokens == 0 {
            self.clear(slot);
            return 0;
        }
        let held = self.held(slot);
        if held <= tokens {
            return held;
        }
        // Recurrent models cannot forget a part, only all of it; and what was restored of a sliding window lacks what lies
        // before the window of its last token.
        let is_cut = matches!(self.context.clear_kv_cache_seq(Some(slot), Some(tokens), None), Ok(true));
        let first = self.context.kv_cache_seq_pos_min(sequence(slot));
        if is_cut && self.memory.sees_all(first, tokens) {
            self.held(slot).min(tokens)
        } else {
            self.clear(slot);
            0
        }
    }

    fn copy_prefix(&mut self, from: u32, to: u32, tokens: u32) -> u32 {
        if from == to || from >= self.facts.slots || to >= self.facts.slots {
            return 0;
        }
        self.clear(to);
        // Between caches of their own only a whole sequence can be copied; a part would end the process.
        match self.context.copy_kv_cache_seq(sequence(from), sequence(to), None, None) {
            Ok(()) => self.keep_prefix(to, tokens),
            Err(_) => 0,
        }
    }

    fn clear(&mut self, slot: u32) {
        if let Err(error) = self.context.clear_kv_cache_seq(Some(slot), None, None) {
            tracing::error!(slot, %error, "a slot could not be cleared");
        }
    }

    fn state_traits(&self) -> StateTraits {
        StateTraits { identity: self.identity, can_be_cut: self.memory.can_be_cut() }
    }

    fn state_bytes(&self, slot: u32) -> u64 {
        if self.held(slot) == 0 { 0 } else { state::size_bytes(&self.context, sequence(slot)) as u64 }
    }

    fn save_state(&mut self, slot: u32) -> Option<Vec<u8>> {
        if self.held(slot) == 0 { None } else { state::save(&self.context, sequence(slot)) }
    }

    fn restore_state(&mut self, slot: u32, state: &[u8], tokens: u32) -> bool {
        let is_restored = slot < self.facts.slots && state::restore(&mut self.context, sequence(slot), state);
        self.is_restored(slot, is_restored, tokens)
    }

    fn save_state_file(&mut self, slot: u32, path: &Path) -> bool {
        self.held(slot) > 0 && state::save_file(&self.context, sequence(slot), path)
    }

    fn restore_state_file(&mut self, slot: u32, path: &Path, tokens: u32) -> bool {
        let is_restored =
            slot < self.facts.slots && state::restore_file(&mut self.context, sequence(slot), path);
        self.is_restored(slot, is_restored, tokens)
    }

    fn token_bytes(&self, token: Token) -> &[u8] {
        self.vocabulary.bytes(token)
    }

    fn is_end(&self, token: Token) -> bool {
        self.vocabulary.ends_answer(token)
    }
}

/// llama.cpp's name of a slot. The number of slots is bounded far below `i32`.
fn sequence(slot: u32) -> i32 {
    slot.cast_signed()
}

fn fault(cause: impl ToString) -> DecodeError {
    DecodeError { message: cause.to_string() }
}
