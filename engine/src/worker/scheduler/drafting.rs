//! What is guessed ahead: who drafts in the next step, and what becomes of drafts that were evaluated.

use std::collections::BTreeMap;

use super::Scheduler;
use crate::Token;
use crate::decoder::{Decoder, Drafting};
use crate::worker::drafts::choice::{self, Bounds};
use crate::worker::drafts::{Prospect, Source};

/// The drafts of one stream.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) source: Source,
    pub(super) tokens: Vec<Token>,
}

impl<D: Decoder> Scheduler<D> {
    /// Drafts for the next step, by slot. None in a step that reads prompts: its time belongs to them, and it would tell
    /// nothing of what drafts cost.
    pub(super) fn draft(&mut self) -> BTreeMap<usize, Draft> {
        let mut drafts = BTreeMap::new();
        let taking_part = || self.running.values().filter(|stream| stream.takes_part());
        if self.facts.drafting == Drafting::Off || taking_part().any(|stream| !stream.is_answering) {
            return drafts;
        }
        let streams = taking_part().count();
        let bounds = Bounds {
            streams,
            drafts: (self.facts.batch_tokens as usize).saturating_sub(streams),
            seconds: self.pace.step_target(streams).as_secs_f64(),
        };
        let prospects = self.prospects();
        let model_token_s = self.costs.model_token_s();
        let made_in = |prospect: &Prospect| match prospect.source {
            Source::Lookup => 0.0,
            Source::Model => model_token_s,
        };
        let choice = choice::choose(&mut self.costs, bounds, &prospects, made_in);
        for prospect in choice.drafting.iter().filter_map(|index| prospects.get(*index)) {
            let tokens = self.make(prospect, choice.length);
            if !tokens.is_empty() {
                drafts.insert(prospect.slot, Draft { source: prospect.source, tokens });
            }
        }
        drafts
    }

    fn prospects(&mut self) -> Vec<Prospect> {
        let (context_tokens, has_model) = (self.facts.context_tokens, self.facts.drafting == Drafting::Model);
        let taking_part = self.running.iter_mut().filter(|(_, stream)| stream.takes_part());
        let prospects = taking_part.filter_map(|(slot, stream)| {
            let request = &stream.request;
            stream.drafter.read(&request.tokens, request.prompt_len);
            stream.drafter.prospect(*slot, request.room_behind_next(context_tokens), has_model)
        });
        prospects.collect()
    }

    fn make(&mut self, prospect: &Prospect, length: usize) -> Vec<Token> {
        let Some(stream) = self.running.get(&prospect.slot) else { return Vec::new() };
        let tokens = &stream.request.tokens;
        match prospect.source {
            Source::Lookup => stream.drafter.look_up(tokens, length),
            Source::Model => {
                let started = (self.clock)();
                let drafted = self.decoder.draft(prospect.slot as u32, tokens, length);
                let took = (self.clock)().saturating_sub(started);
                self.costs.observe_model(drafted.len(), took.as_secs_f64());
                drafted
            }
        }
    }

    /// The sampler chose what was drafted: the next draft is an evaluated token of the answer.
    pub(super) fn accept_draft(&mut self, slot: usize, token: Token) {
        if let Some(stream) = self.running.get_mut(&slot) {
            stream.evaluated += 1;
            stream.ahead = stream.ahead.saturating_sub(1);
            stream.request.accepted += 1;
            self.slots.extend(slot, &[token]);
        }
    }

    /// Cuts drafts that were not taken off the cache, so that it holds what the stream has evaluated and nothing else.
    pub(super) fn drop_drafts(&mut self, slot: usize) {
        let Some(stream) = self.running.get_mut(&slot).filter(|stream| stream.ahead > 0) else { return };
        stream.ahead = 0;
        let kept = self.decoder.keep_prefix(slot as u32, stream.evaluated as u32) as usize;
        if kept < stream.evaluated {
            // It was seen at load that the cache can be cut. What is lost is read again, and nothing drafted any more.
            tracing::warn!(slot, kept, wanted = stream.evaluated, "drafts could not be cut off");
            self.facts.drafting = Drafting::Off;
            stream.evaluated = kept;
            stream.is_answering = false;
            self.slots.cut(slot, kept);
        }
    }
}
