//! Drafts: tokens that an answer is likely to go on with, evaluated in one step with the token before them.
//!
//! The scheduler asks what each stream could draft, lets [`choice`] decide whether that pays, and samples every position
//! with its own draw as it would have without: the first token that is not the drafted one ends the draft. So drafts
//! change how fast an answer comes and nothing of what it says. Here nothing is evaluated, and no time is taken.

use crate::Token;
use lookup::Lookup;
use trust::{Tally, Trust};

pub(crate) mod choice;
pub(crate) mod costs;
mod lookup;
mod trust;

/// The lengths that are tried, in tokens: with the token before them 2, 4, 8 … 32, because the kernels take tokens by
/// fours and eights. Beyond 32 no machine that we measured gains, and what a wrong draft costs grows.
pub(crate) const LENGTHS: [usize; 7] = [1, 3, 7, 11, 15, 23, 31];

/// Where drafts come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// What followed the same tokens earlier in the prompt or the answer.
    Lookup,
    /// A small model.
    Model,
}

/// What drafts would bring to one stream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Prospect {
    pub(crate) slot: usize,
    pub(crate) source: Source,
    /// Tokens that a step is expected to bring, the sampled one included: for each of [`LENGTHS`], as far as there is
    /// room.
    pub(crate) expected: [Option<f64>; LENGTHS.len()],
}

/// What one stream knows of its own tokens. Its memory is bounded by the slot's context.
#[derive(Debug, Default)]
pub(crate) struct Drafter {
    lookup: Lookup,
    trust: Trust,
    model: Tally,
}

impl Drafter {
    /// Takes in the tokens that have come since the last call; `tokens` are prompt and answer. What would have been
    /// drafted for those of the answer, and whether that would have been right, is learnt even while nothing is
    /// drafted.
    pub(crate) fn read(&mut self, tokens: &[Token], prompt_len: usize) {
        // How a prompt repeats itself says little of the answer; its last token begins the first match.
        self.lookup.skip(tokens, prompt_len.saturating_sub(1));
        while let Some(foretold) = self.lookup.take(tokens) {
            if let Some((length, is_hit)) = foretold {
                self.trust.observe(length, is_hit);
            }
        }
    }

    /// What at most `room` drafts would bring; nothing where none can be made.
    pub(crate) fn prospect(&self, slot: usize, room: usize, has_model: bool) -> Option<Prospect> {
        let found = self.lookup.match_length();
        let by_model = has_model.then(|| self.model.chance(trust::MODEL_CHANCE));
        let source = match (found, by_model) {
            (Some(length), by_model) if by_model.is_none_or(|model| self.trust.chance(length) >= model) => {
                Source::Lookup
            }
            (_, Some(_)) => Source::Model,
            _ => return None,
        };
        let chance = |drafts_before: usize| match source {
            Source::Lookup => self.trust.chance(found.unwrap_or_default() + drafts_before),
            Source::Model => by_model.unwrap_or_default(),
        };
        let mut expected = [None; LENGTHS.len()];
        for (place, length) in expected.iter_mut().zip(LENGTHS) {
            *place = (length <= room).then(|| trust::expected_tokens(length, chance));
        }
        (room >= LENGTHS[0]).then_some(Prospect { slot, source, expected })
    }

    /// So many tokens that followed the same tokens before.
    pub(crate) fn look_up(&self, tokens: &[Token], count: usize) -> Vec<Token> {
        self.lookup.draft(tokens, count)
    }

    /// Learns how many of the model's drafts were right.
    pub(crate) fn observe_model(&mut self, drafted: usize, accepted: usize) {
        self.model.observe(accepted, usize::from(accepted < drafted));
    }
}
