//! The decoder of scripted models. It keeps the tokens of its slots and refuses whatever a real one could not do, so
//! that a fault of the scheduler shows.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process;
use std::thread;
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::beat::{self, Beat};
use super::model::ScriptedModel;
use super::script::{self, Script};
use crate::decoder::{
    BatchToken, DecodeError, Decoder, Drafting, LoadRequest, Logits, ModelFacts, SampleError, StateTraits,
    TokenFilter,
};
use crate::{SamplingOptions, SamplingParams, Speculation, Token, TokenChoice, TokenLikelihood};

/// Tokens of one batch: small enough that ordinary prompts take several.
const BATCH_TOKENS: u32 = 512;
/// Bytes of a state for each token: with a few thousand of them a budget of megabytes is soon full.
const STATE_TOKEN_BYTES: usize = 256;
/// The bound that a real worker has too.
const CONTEXT_MAX_TOKENS: u32 = 8_192;

/// See [`super`].
pub struct ScriptedDecoder {
    facts: ModelFacts,
    step: Duration,
    prompt_token: Duration,
    draft_token: Duration,
    spend: Box<dyn FnMut(Duration)>,
    beat: Beat,
    identity: [u8; 32],
    /// Whether a state serves only whole.
    states_are_whole: bool,
    slots: Vec<Slot>,
    /// Slot and length of its tokens, for each row of the last batch that wanted logits.
    rows: Vec<Option<(u32, usize)>>,
    can_cut: bool,
}

#[derive(Debug, Default)]
struct Slot {
    tokens: Vec<Token>,
    /// How many of them came from a state.
    restored: usize,
    sampling: Option<SamplingParams>,
    /// What a real sampler's penalties would have seen of the answer.
    seen: Vec<Token>,
    /// How many tokens there were when the last token was to be chosen.
    kept: Option<usize>,
    /// When the last token of a clock was sampled, as text.
    time: Vec<u8>,
}

impl ScriptedDecoder {
    /// `spend` lets the time of a step pass.
    pub fn new(model: &ScriptedModel, request: &LoadRequest, spend: Box<dyn FnMut(Duration)>) -> Self {
        let slots = request.slots.max(1);
        let context_tokens = request.context_tokens.unwrap_or(CONTEXT_MAX_TOKENS).min(model.context_tokens);
        Self {
            facts: ModelFacts {
                slots,
                context_tokens,
                batch_tokens: BATCH_TOKENS.max(slots),
                vocabulary_tokens: script::vocabulary_tokens(slots),
                drafting: drafting(model, request.speculation),
            },
            step: Duration::from_micros(u64::from(model.step_us)),
            prompt_token: Duration::from_micros(u64::from(model.prompt_token_us)),
            draft_token: Duration::from_micros(u64::from(model.draft_token_us.unwrap_or(0))),
            spend,
            beat: Beat::default(),
            identity: Sha256::digest(model.name.as_bytes()).into(),
            states_are_whole: model.states_are_whole,
            slots: (0..slots).map(|_| Slot::default()).collect(),
            rows: Vec::new(),
            can_cut: true,
        }
    }

    /// The tokens of a slot.
    #[cfg(test)]
    pub(crate) fn tokens_in(&self, slot: usize) -> &[Token] {
        self.slots.get(slot).map(|slot| slot.tokens.as_slice()).unwrap_or_default()
    }

    /// From now on a slot can be emptied but not cut.
    #[cfg(test)]
    pub(crate) fn refuse_cuts(&mut self) {
        self.can_cut = false;
    }

    fn slot(&mut self, slot: u32) -> Result<&mut Slot, DecodeError> {
        self.slots.get_mut(slot as usize).ok_or_else(|| fault(format!("there is no slot {slot}")))
    }

    fn check(&self, batch: &[BatchToken]) -> Result<(), DecodeError> {
        let is_sorted = batch.is_sorted_by_key(|entry| (entry.slot, entry.position));
        if batch.is_empty() || batch.len() > self.facts.batch_tokens as usize || !is_sorted {
            return Err(fault(format!("a batch of {} tokens, sorted: {is_sorted}", batch.len())));
        }
        Ok(())
    }

    fn take(&mut self, entry: &BatchToken) -> Result<(), DecodeError> {
        let context_tokens = self.facts.context_tokens;
        let slot = self.slot(entry.slot)?;
        let held = slot.tokens.len();
        if entry.position as usize != held || held >= context_tokens as usize {
            return Err(fault(format!("position {} in a slot of {held} tokens", entry.position)));
        }
        slot.tokens.push(entry.token);
        self.rows.push(entry.wants_logits.then_some((entry.slot, held + 1)));
        Ok(())
    }

    /// Slot and length of what a token is to be chosen after.
    fn row(&mut self, slot: u32, logits: Logits) -> Result<(u32, usize), DecodeError> {
        let row = match logits {
            Logits::Row(row) => self.rows.get(row).copied().flatten(),
            Logits::Kept => self.slot(slot)?.kept.map(|length| (slot, length)),
        };
        row.ok_or_else(|| fault(format!("there are no logits: {logits:?}")))
    }

    /// The first `length` tokens of a slot, which holds at least so many.
    fn held(&self, slot: u32, length: usize) -> Option<&[Token]> {
        self.slots.get(slot as usize)?.tokens.get(..length)
    }

    /// The scripts of the streams that this batch brings to their next token, and which token that is, from 1.
    fn due(&self) -> Vec<(Script, usize)> {
        let held = self.rows.iter().flatten().filter_map(|(slot, length)| self.held(*slot, *length));
        let due = held.map(|held| {
            let (prompt, answer) = script::split(held);
            (Script::of_prompt(prompt), answer.len() + 1)
        });
        due.collect()
    }
}

impl Decoder for ScriptedDecoder {
    fn facts(&self) -> &ModelFacts {
        &self.facts
    }

    fn decode(&mut self, batch: &[BatchToken]) -> Result<(), DecodeError> {
        self.check(batch)?;
        self.rows.clear();
        for entry in batch {
            self.take(entry)?;
        }
        let due = self.due();
        let prompt_tokens = batch.len().saturating_sub(due.len()) as u32;
        let streams = self.rows.iter().flatten().map(|(slot, _)| *slot).collect::<BTreeSet<u32>>().len();
        let drafts = due.len().saturating_sub(streams) as u32;
        if let Some(rate) = due.iter().filter_map(|(script, _)| script.tokens_per_second).min() {
            self.beat.wait(rate);
        }
        let pause = due.iter().map(|(script, _)| script.pause_ms).max().unwrap_or(0);
        let tokens = self.prompt_token * prompt_tokens + self.draft_token * drafts;
        (self.spend)(self.step + tokens + Duration::from_millis(pause));
        for (script, next) in due {
            if script.crash_at == Some(next) {
                process::abort();
            }
            if script.stuck_at == Some(next) {
                loop {
                    thread::park();
                }
            }
            if script.broken_at == Some(next) {
                return Err(fault(format!("the script breaks at token {next}")));
            }
        }
        Ok(())
    }

    fn begin(&mut self, slot: u32, sampling: &SamplingParams, answer: &[Token]) -> Result<(), DecodeError> {
        let slot = self.slot(slot)?;
        slot.sampling = Some(sampling.clone());
        slot.seen = answer.to_vec();
        Ok(())
    }

    fn sample(
        &mut self,
        slot: u32,
        logits: Logits,
        draw: f64,
        filter: Option<&mut (dyn TokenFilter + 'static)>,
    ) -> Result<Option<Token>, SampleError> {
        let (row_slot, length) = self.row(slot, logits)?;
        let held = self.slot(slot)?;
        let Some(sampling) = &held.sampling else {
            return Err(fault(format!("no answer has begun in slot {slot}")).into());
        };
        let Some(tokens) = held.tokens.get(..length).filter(|_| row_slot == slot) else {
            return Err(fault(format!("{logits:?} is not of slot {slot}")).into());
        };
        let (prompt, answer) = script::split(tokens);
        if answer != held.seen {
            return Err(fault(format!("the sampler of slot {slot} has not seen the answer so far")).into());
        }
        let token = script::answer_token(prompt, answer.len(), sampling, draw);
        let is_told_by_clock = token != script::END && Script::of_prompt(prompt).is_clock;
        let token = if is_told_by_clock { script::FIRST_CLOCK + slot as Token } else { token };
        held.kept = Some(length);
        if let Some(filter) = filter
            && filter.allows(token)?.is_none()
        {
            return Ok(None);
        }
        held.seen.push(token);
        if is_told_by_clock {
            held.time = format!("{} ", beat::clock_us()).into_bytes();
        }
        Ok(Some(token))
    }

    fn draft(&mut self, _slot: u32, tokens: &[Token], most: usize) -> Vec<Token> {
        let (prompt, answer) = script::split(tokens);
        let greedy = SamplingOptions { temperature: Some(0.0), ..SamplingOptions::default() }.check();
        let Ok(greedy) = greedy else { return Vec::new() };
        let places = answer.len()..answer.len() + most;
        places.map(|place| script::answer_token(prompt, place, &greedy, 0.0)).collect()
    }

    /// Scripts leave nothing to chance: each token is certain, and nothing else could stand there.
    fn choice(
        &mut self,
        _slot: u32,
        _logits: Logits,
        token: Token,
        _top: u32,
    ) -> Result<TokenChoice, DecodeError> {
        let bytes = self.token_bytes(token).to_vec();
        let chosen = TokenLikelihood { token, bytes, logprob: 0.0 };
        Ok(TokenChoice { top: vec![chosen.clone()], chosen })
    }

    fn end(&mut self, slot: u32) {
        if let Ok(slot) = self.slot(slot) {
            slot.sampling = None;
        }
    }

    fn keep_prefix(&mut self, slot: u32, tokens: u32) -> u32 {
        let tokens = if self.can_cut { tokens } else { 0 };
        let states_are_whole = self.states_are_whole;
        let Ok(slot) = self.slot(slot) else { return 0 };
        if states_are_whole && (tokens as usize) < slot.restored {
            slot.tokens.clear();
        }
        slot.tokens.truncate(tokens as usize);
        slot.tokens.len() as u32
    }

    fn copy_prefix(&mut self, from: u32, to: u32, tokens: u32) -> u32 {
        let Ok(from) = self.slot(from) else { return 0 };
        let copied: Vec<Token> = from.tokens.iter().take(tokens as usize).copied().collect();
        let Ok(to) = self.slot(to) else { return 0 };
        to.tokens = copied;
        to.restored = 0;
        to.tokens.len() as u32
    }

    fn clear(&mut self, slot: u32) {
        if let Ok(slot) = self.slot(slot) {
            slot.tokens.clear();
            slot.restored = 0;
        }
    }

    fn state_traits(&self) -> StateTraits {
        StateTraits { identity: self.identity, can_be_cut: !self.states_are_whole }
    }

    fn state_bytes(&self, slot: u32) -> u64 {
        self.slots.get(slot as usize).map_or(0, |slot| (slot.tokens.len() * STATE_TOKEN_BYTES) as u64)
    }

    /// The tokens, each in as many bytes as it takes to look like a state.
    fn save_state(&mut self, slot: u32) -> Option<Vec<u8>> {
        let slot = self.slots.get(slot as usize).filter(|slot| !slot.tokens.is_empty())?;
        let bytes = slot.tokens.iter().flat_map(|token| {
            let mut bytes = [0; STATE_TOKEN_BYTES];
            if let Some(start) = bytes.first_chunk_mut() {
                *start = token.to_le_bytes();
            }
            bytes
        });
        Some(bytes.collect())
    }

    /// As a real one would, it ends the process over bytes that nobody saved.
    fn restore_state(&mut self, slot: u32, state: &[u8], tokens: u32) -> bool {
        let (entries, rest) = state.as_chunks::<STATE_TOKEN_BYTES>();
        if !rest.is_empty() || entries.len() != tokens as usize {
            process::abort();
        }
        let Ok(slot) = self.slot(slot) else { return false };
        let starts = entries.iter().filter_map(|entry| entry.first_chunk().copied());
        slot.tokens = starts.map(Token::from_le_bytes).collect();
        slot.restored = slot.tokens.len();
        true
    }

    fn save_state_file(&mut self, slot: u32, path: &Path) -> bool {
        let Some(state) = self.save_state(slot) else { return false };
        let length = (state.len() as u64).to_le_bytes();
        fs::write(path, [length.as_slice(), &state].concat()).is_ok()
    }

    fn restore_state_file(&mut self, slot: u32, path: &Path, tokens: u32) -> bool {
        let Ok(file) = fs::read(path) else { return false };
        let Some((length, rest)) = file.split_first_chunk() else { return false };
        match rest.get(..u64::from_le_bytes(*length) as usize) {
            Some(state) => self.restore_state(slot, state, tokens),
            None => false,
        }
    }

    fn token_bytes(&self, token: Token) -> &[u8] {
        let clock = token.checked_sub(script::FIRST_CLOCK).and_then(|slot| usize::try_from(slot).ok());
        match clock.and_then(|slot| self.slots.get(slot)) {
            Some(slot) => &slot.time,
            None => script::token_bytes(token),
        }
    }

    fn is_end(&self, token: Token) -> bool {
        token == script::END
    }
}

impl std::fmt::Debug for ScriptedDecoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ScriptedDecoder").field("facts", &self.facts).field("slots", &self.slots).finish()
    }
}

fn drafting(model: &ScriptedModel, speculation: Speculation) -> Drafting {
    match (speculation, model.draft_token_us) {
        (Speculation::Off, _) | (_, None) => Drafting::Off,
        _ if model.has_draft_model => Drafting::Model,
        _ => Drafting::Lookup,
    }
}

fn fault(message: String) -> DecodeError {
    DecodeError { message }
}
