//! One batch: what goes in, and what comes out.

use std::time::Duration;

use super::Scheduler;
use crate::decoder::{BatchToken, DecodeError, Decoder};
use crate::protocol::News;
use crate::worker::text::Pushed;
use crate::worker::{chance, pace};
use crate::{FinishReason, GenerationError};

/// What one step evaluates.
#[derive(Debug, Default)]
pub(super) struct Plan {
    batch: Vec<BatchToken>,
    parts: Vec<Part>,
    /// Streams that get one token each.
    pub(super) answering: usize,
    /// Tokens of prompts.
    pub(super) prompt_tokens: usize,
}

/// The tokens of one slot.
#[derive(Debug)]
struct Part {
    slot: usize,
    tokens: usize,
    /// The batch index from which to sample, where these tokens are the last unread ones.
    row: Option<usize>,
}

impl Plan {
    pub(super) fn is_empty(&self) -> bool {
        self.batch.is_empty()
    }

    pub(super) fn batch(&self) -> &[BatchToken] {
        &self.batch
    }
}

impl<D: Decoder> Scheduler<D> {
    /// One token of every stream that answers and is not paused, and beside them as much of the prompts as the pace allows.
    pub(super) fn plan(&self) -> Plan {
        let taking_part = || self.running.iter().filter(|(_, stream)| stream.takes_part());
        let reading = taking_part().filter(|(_, stream)| !stream.is_answering);
        let unread: Vec<usize> = reading.map(|(_, stream)| stream.unread().len()).collect();
        let answering = taking_part().count() - unread.len();
        let budget = self.pace.budget(answering, self.facts.batch_tokens as usize);
        let mut shares = pace::share(budget, &unread).into_iter();
        let mut plan = Plan { answering, ..Plan::default() };
        for (slot, stream) in taking_part() {
            let unread = stream.unread();
            let count = if stream.is_answering { unread.len() } else { shares.next().unwrap_or(0) };
            if count == 0 {
                continue;
            }
            let is_last = count == unread.len();
            for (offset, token) in unread.iter().take(count).enumerate() {
                plan.batch.push(BatchToken {
                    slot: *slot as u32,
                    token: *token,
                    position: (stream.evaluated + offset) as u32,
                    wants_logits: is_last && offset + 1 == count,
                });
            }
            let row = is_last.then(|| plan.batch.len() - 1);
            plan.parts.push(Part { slot: *slot, tokens: count, row });
            plan.prompt_tokens += if stream.is_answering { 0 } else { count };
        }
        plan
    }

    /// Takes over what was evaluated, and samples where a prompt or an answer stands at its end.
    pub(super) fn collect(&mut self, plan: &Plan, now: Duration) {
        for part in &plan.parts {
            let Some(stream) = self.running.get_mut(&part.slot) else { continue };
            let read = stream.unread().get(..part.tokens).unwrap_or_default();
            self.slots.extend(part.slot, read);
            stream.evaluated += part.tokens;
            if !stream.is_answering {
                stream.is_answering = part.row.is_some();
                let request = &stream.request;
                let (done, total) = (stream.evaluated as u32, request.tokens.len() as u32);
                if !request.has_sampled() {
                    let id = request.id;
                    self.tell(id, News::Prefill { done, total });
                }
            }
            if let Some(row) = part.row {
                self.sample(part.slot, row, now);
            }
        }
    }

    fn sample(&mut self, slot: usize, row: usize, now: Duration) {
        let Some(stream) = self.running.get_mut(&slot) else { return };
        let request = &mut stream.request;
        let draw = chance::draw(request.sampling.seed(), request.answer().len());
        let token = match self.decoder.sample(slot as u32, row, draw) {
            Ok(token) => token,
            Err(DecodeError { message }) => return self.fail(slot, GenerationError::Internal { message }),
        };
        if self.decoder.is_end(token) {
            return self.finish(slot, FinishReason::Stop);
        }
        request.push(token, now);
        let id = request.id;
        let is_full = request.is_full(self.facts.context_tokens);
        match request.text.push(token, self.decoder.token_bytes(token)) {
            Pushed::More(piece) => {
                self.tell_pieces(id, piece);
                if is_full {
                    self.finish(slot, FinishReason::Length);
                }
            }
            Pushed::Stop(pieces) => {
                self.tell_pieces(id, pieces);
                self.finish(slot, FinishReason::Stop);
            }
        }
    }

    /// What the slots of a failed batch hold is unknown: their streams fail and they are cleared. Others go on.
    pub(super) fn fail_batch(&mut self, plan: &Plan, error: &DecodeError) {
        tracing::error!(%error, tokens = plan.batch.len(), "a batch could not be decoded");
        for part in &plan.parts {
            let message = format!("the model could not be evaluated: {error}");
            self.fail(part.slot, GenerationError::Internal { message });
            self.decoder.clear(part.slot as u32);
            self.slots.clear(part.slot);
        }
    }
}
