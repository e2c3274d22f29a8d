//! One batch: what goes in, and what comes out.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Scheduler;
use super::drafting::Draft;
use crate::GenerationError;
use crate::decoder::{BatchToken, DecodeError, Decoder, Logits};
use crate::protocol::News;
use crate::worker::drafts::Source;
use crate::worker::pace::{self, Reading};

/// What one step evaluates.
#[derive(Debug, Default)]
pub(super) struct Plan {
    batch: Vec<BatchToken>,
    parts: Vec<Part>,
    /// Streams that get one token each.
    pub(super) answering: usize,
    /// Tokens of prompts.
    pub(super) reading: Reading,
    /// Tokens that were guessed, of all streams together.
    pub(super) drafted: usize,
}

/// The tokens of one slot.
#[derive(Debug)]
struct Part {
    slot: usize,
    tokens: usize,
    /// The batch index from which to sample, where these tokens are the last unread ones.
    row: Option<usize>,
    /// Evaluated behind them, each with the row after the one before it.
    draft: Option<Draft>,
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
    /// One token of every stream that answers and is not paused, with its draft, and beside them as much of the prompts as
    /// the pace allows.
    pub(super) fn plan(&self, mut drafts: BTreeMap<usize, Draft>) -> Plan {
        let taking_part = || self.running.iter().filter(|(_, stream)| stream.takes_part());
        let reading = taking_part().filter(|(_, stream)| !stream.is_answering);
        let (unread, evaluated): (Vec<usize>, Vec<usize>) =
            reading.map(|(_, stream)| (stream.readable().len(), stream.evaluated)).unzip();
        let answering = taking_part().count() - unread.len();
        let position = evaluated.iter().sum::<usize>() / evaluated.len().max(1);
        let budget = self.pace.budget(answering, position, self.facts.batch_tokens as usize);
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
            let draft = drafts.remove(slot).filter(|_| is_last);
            let drafted = draft.iter().flat_map(|draft| &draft.tokens);
            for (token, position) in drafted.zip(stream.evaluated + count..) {
                let (slot, position) = (*slot as u32, position as u32);
                plan.batch.push(BatchToken { slot, token: *token, position, wants_logits: true });
                plan.drafted += 1;
            }
            plan.parts.push(Part { slot: *slot, tokens: count, row, draft });
            if !stream.is_answering {
                plan.reading.add(stream.evaluated, count);
            }
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
            self.save_on_the_way(part.slot);
            if let Some(row) = part.row {
                self.sample_part(part, row, now);
            }
        }
    }

    /// Samples the next token, and the one after it as long as the last one is what was drafted.
    fn sample_part(&mut self, part: &Part, first_row: usize, now: Duration) {
        let Some(draft) = &part.draft else {
            self.sample(part.slot, Logits::Row(first_row), now);
            return;
        };
        if let Some(stream) = self.running.get_mut(&part.slot) {
            stream.ahead = draft.tokens.len();
            stream.request.drafted += draft.tokens.len() as u32;
        }
        let mut accepted = 0;
        for row in first_row.. {
            let Some(token) = self.sample(part.slot, Logits::Row(row), now) else { break };
            if draft.tokens.get(accepted) != Some(&token) {
                break;
            }
            accepted += 1;
            self.accept_draft(part.slot, token);
        }
        self.drop_drafts(part.slot);
        if let Some(stream) = self.running.get_mut(&part.slot)
            && draft.source == Source::Model
        {
            stream.drafter.observe_model(draft.tokens.len(), accepted);
        }
    }

    /// What the slots of a failed batch hold is unknown: their streams fail and they are cleared. Others go on.
    pub(super) fn fail_batch(&mut self, plan: &Plan, error: &DecodeError) {
        tracing::error!(%error, tokens = plan.batch.len(), "a batch could not be decoded");
        for part in &plan.parts {
            let message = format!("the model could not be evaluated: {error}");
            self.fail(part.slot, GenerationError::Internal { message });
            self.clear(part.slot);
        }
    }
}
