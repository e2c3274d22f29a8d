//! A small model that guesses what a large one of the same vocabulary is going to say.
//!
//! [`crate::decoder`] owns it beside the large one, on the same thread. It follows each slot by the tokens that it is
//! shown: what it holds and the stream has not said is forgotten, and what is missing is read.

use engine::Token;
use engine::decoder::{DecodeError, ModelFacts};
use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::llama_batch::LlamaBatch;
use llama_cpp_2::token::LlamaToken;

use crate::likelihood;

/// Tokens of a prompt that one call reads: its time is added to a step of all streams, which must not be felt.
const READ_TOKENS: usize = 32;
/// A token that is less likely than this is more often wrong than right: the draft ends before it.
const PROBABILITY_MIN: f32 = 0.5;

/// The model and what its slots hold.
#[derive(Debug)]
pub struct DraftModel {
    context: LlamaContext<'static>,
    batch: LlamaBatch<'static>,
    context_tokens: usize,
    vocabulary_tokens: u32,
    /// By slot.
    held: Vec<Vec<Token>>,
}

impl DraftModel {
    /// `context` was made for `facts`, which are those of the large model.
    pub fn new(context: LlamaContext<'static>, facts: &ModelFacts) -> Self {
        Self {
            context,
            batch: LlamaBatch::new(READ_TOKENS, 1),
            context_tokens: facts.context_tokens as usize,
            vocabulary_tokens: facts.vocabulary_tokens,
            held: (0..facts.slots).map(|_| Vec::new()).collect(),
        }
    }

    /// The likeliest tokens after `tokens`, which the stream in `slot` has so far: at most `most`, and none while there is
    /// still something to read.
    ///
    /// # Errors
    /// The model cannot be evaluated; it has forgotten the slot.
    pub fn draft(&mut self, slot: u32, tokens: &[Token], most: usize) -> Result<Vec<Token>, DecodeError> {
        let drafted = self
            .follow(slot, tokens)
            .and_then(|is_there| if is_there { self.go_on(slot, most) } else { Ok(Vec::new()) });
        if drafted.is_err() {
            self.forget(slot);
        }
        drafted
    }

    /// Reads what is new, as far as one call may; true once that is all.
    fn follow(&mut self, slot: u32, tokens: &[Token]) -> Result<bool, DecodeError> {
        let held = self.held.get(slot as usize).map(Vec::as_slice).unwrap_or_default();
        let common = held.iter().zip(tokens).take_while(|(held, token)| held == token).count();
        // The last token is evaluated again: only that gives the logits for the next one.
        let kept = common.min(tokens.len().saturating_sub(1));
        self.keep(slot, kept)?;
        let unread = tokens.get(kept..).unwrap_or_default();
        let read = unread.get(..READ_TOKENS).unwrap_or(unread);
        self.read(slot, read)?;
        Ok(read.len() == unread.len())
    }

    fn go_on(&mut self, slot: u32, most: usize) -> Result<Vec<Token>, DecodeError> {
        let mut drafted = Vec::new();
        while let Some((token, logprob)) = self.likeliest() {
            let is_known = u32::try_from(token).is_ok_and(|token| token < self.vocabulary_tokens);
            if !is_known || logprob.exp() < PROBABILITY_MIN {
                break;
            }
            drafted.push(token);
            let held = self.held.get(slot as usize).map_or(0, Vec::len);
            if drafted.len() >= most || held >= self.context_tokens {
                break;
            }
            self.read(slot, &[token])?;
        }
        Ok(drafted)
    }

    /// The likeliest token after the one that was read last.
    fn likeliest(&self) -> Option<(Token, f32)> {
        let last = self.batch.n_tokens().checked_sub(1).filter(|last| *last >= 0)?;
        likelihood::of(self.context.get_logits_ith(last), 0, 1).top.first().copied()
    }

    /// Evaluates tokens, at most [`READ_TOKENS`], behind what the slot holds; the last one has logits.
    fn read(&mut self, slot: u32, tokens: &[Token]) -> Result<(), DecodeError> {
        let Some(held) = self.held.get_mut(slot as usize) else {
            return Err(fault(format!("no slot {slot}")));
        };
        self.batch.clear();
        for (index, token) in tokens.iter().enumerate() {
            let position = i32::try_from(held.len() + index).map_err(fault)?;
            let is_last = index + 1 == tokens.len();
            self.batch.add(LlamaToken(*token), position, &[slot.cast_signed()], is_last).map_err(fault)?;
        }
        self.context.decode(&mut self.batch).map_err(fault)?;
        held.extend(tokens);
        Ok(())
    }

    /// Forgets all but the first `kept` tokens of a slot.
    fn keep(&mut self, slot: u32, kept: usize) -> Result<(), DecodeError> {
        let Some(held) = self.held.get_mut(slot as usize).filter(|held| held.len() > kept) else {
            return Ok(());
        };
        held.truncate(kept);
        let from = u32::try_from(kept).map_err(fault)?;
        match self.context.clear_kv_cache_seq(Some(slot), Some(from), None) {
            Ok(true) => Ok(()),
            _ => Err(fault("tokens could not be forgotten")),
        }
    }

    fn forget(&mut self, slot: u32) {
        if let Some(held) = self.held.get_mut(slot as usize) {
            held.clear();
        }
        if let Err(error) = self.context.clear_kv_cache_seq(Some(slot), None, None) {
            tracing::error!(slot, %error, "a slot of the draft model could not be cleared");
        }
    }
}

fn fault(cause: impl ToString) -> DecodeError {
    DecodeError { message: cause.to_string() }
}
