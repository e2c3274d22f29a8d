//! Binds an answer to a grammar, from where it begins: at once, behind the reasoning, or with the first tool call.
//!
//! [`crate::prompt`] makes one for an answer, on a thread with a deadline; the scheduler's thread asks it for each token,
//! through [`crate::watch`].
//! Where the grammar begins is found here, with work that does not grow: llama.cpp's own triggers search the whole reply
//! again for each token.

use std::sync::Arc;

use engine::decoder::{FilterError, TokenFilter};
use engine::{Constraint, Token};
use llama_cpp_2::sampling::LlamaSampler;
use llama_cpp_2::token::LlamaToken;
use llama_cpp_2::token::data::LlamaTokenData;
use llama_cpp_2::token::data_array::LlamaTokenDataArray;

use crate::syntax::ReasoningTags;
use crate::vocabulary::Vocabulary;

/// Most repetitions that all counts within each other in a grammar may come to: llama.cpp writes them out.
const REPETITIONS_MAX: u64 = 100_000;

/// Where the grammar begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begin {
    /// With the answer.
    Answer,
    /// With this text in it.
    Text(String),
}

/// One answer and its grammar.
#[derive(Debug)]
pub struct Binding {
    sampler: LlamaSampler,
    vocabulary: Arc<Vocabulary>,
    reasoning: Option<ReasoningTags>,
    begin: Begin,
    phase: Phase,
    /// The end of the text so far, as long as a tag may begin in it.
    tail: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Nothing has come; reasoning may.
    Beginning,
    /// Within reasoning.
    Reasoning,
    /// Behind it, before the text that begins the grammar.
    Free,
    /// Within the grammar.
    Bound,
}

impl Binding {
    /// `is_open` where the prompt ends within reasoning. `answer` has come already.
    ///
    /// # Errors
    /// The grammar is none, or the answer so far does not keep to it.
    pub fn new(
        grammar: &str,
        vocabulary: Arc<Vocabulary>,
        (reasoning, is_open): (Option<ReasoningTags>, bool),
        begin: Begin,
        answer: &[Token],
    ) -> Result<Self, FilterError> {
        check_repetitions(grammar)?;
        let sampler =
            LlamaSampler::grammar(vocabulary.model(), grammar, "root").map_err(|error| FilterError {
                message: format!("the grammar cannot be used: {error}; it needs a rule called root"),
            })?;
        let mut binding =
            Self { sampler, vocabulary, reasoning, begin, phase: Phase::Free, tail: String::new() };
        binding.phase = match (&binding.reasoning, is_open) {
            (Some(_), true) => Phase::Reasoning,
            (Some(tags), false) if !tags.start.is_empty() => Phase::Beginning,
            _ => binding.behind_reasoning(),
        };
        // Some grammars take for ever over a whole vocabulary: that must show here, where there is a deadline.
        binding.allowed_of_all()?;
        for token in answer {
            binding.accept(*token)?;
        }
        Ok(binding)
    }

    fn behind_reasoning(&self) -> Phase {
        match self.begin {
            Begin::Answer => Phase::Bound,
            Begin::Text(_) => Phase::Free,
        }
    }

    fn allowed_of_all(&mut self) -> Result<usize, FilterError> {
        let mut logits = vec![0.0; self.vocabulary.size() as usize];
        self.mask(&mut logits);
        let allowed = logits.iter().filter(|logit| logit.is_finite()).count();
        if allowed == 0 { Err(dead_end()) } else { Ok(allowed) }
    }

    fn mask(&mut self, logits: &mut [f32]) {
        let possible = (0..).zip(logits.iter()).filter(|(_, logit)| **logit > f32::NEG_INFINITY);
        let candidates = possible.map(|(token, logit)| LlamaTokenData::new(LlamaToken(token), *logit, 0.0));
        let mut candidates = LlamaTokenDataArray::new(candidates.collect(), false);
        candidates.apply_sampler(&mut self.sampler);
        for candidate in &candidates.data {
            let place = usize::try_from(candidate.id().0).ok().and_then(|index| logits.get_mut(index));
            if let Some(place) = place {
                *place = candidate.logit();
            }
        }
    }

    fn grammar_allows(&mut self, token: Token) -> bool {
        let one = LlamaTokenData::new(LlamaToken(token), 0.0, 0.0);
        let mut candidates = LlamaTokenDataArray::new(vec![one], false);
        candidates.apply_sampler(&mut self.sampler);
        candidates.data.first().is_some_and(|candidate| candidate.logit().is_finite())
    }

    /// Text that lies within the grammar.
    fn feed(&mut self, text: &str) -> Result<(), FilterError> {
        let mut tokens = self.vocabulary.tokens_of(text);
        // Some tokenisers put a space before any text.
        if let Some(first) = tokens.first_mut()
            && let [b' ', word @ ..] = self.vocabulary.bytes(*first)
            && !text.starts_with(' ')
        {
            *first = self.vocabulary.token_of_bytes(word).unwrap_or(*first);
        }
        for token in tokens {
            self.sampler.try_accept(LlamaToken(token)).map_err(|_refused| dead_end())?;
        }
        Ok(())
    }

    fn follow(&mut self, text: &str) -> Result<(), FilterError> {
        self.tail.push_str(text);
        loop {
            let tag = match (self.phase, &self.reasoning, &self.begin) {
                (Phase::Beginning, Some(tags), _) => {
                    let word = self.tail.trim_start();
                    if tags.start.starts_with(word) && word.len() < tags.start.len() {
                        return Ok(());
                    }
                    if let Some(rest) = word.strip_prefix(tags.start.as_str()) {
                        self.tail = rest.to_owned();
                        self.phase = Phase::Reasoning;
                    } else {
                        self.phase = self.behind_reasoning();
                    }
                    continue;
                }
                (Phase::Reasoning, Some(tags), _) => tags.end.clone(),
                (Phase::Free, _, Begin::Text(text)) => text.clone(),
                (Phase::Bound, ..) => {
                    let text = std::mem::take(&mut self.tail);
                    return self.feed(&text);
                }
                _ => return Ok(()),
            };
            let Some(at) = self.tail.find(&tag) else {
                let kept = self.tail.floor_char_boundary(self.tail.len().saturating_sub(tag.len()));
                self.tail.drain(..kept);
                return Ok(());
            };
            if self.phase == Phase::Reasoning {
                self.tail = self.tail.get(at + tag.len()..).unwrap_or_default().trim_start().to_owned();
                self.phase = self.behind_reasoning();
            } else {
                self.tail.drain(..at);
                self.phase = Phase::Bound;
            }
        }
    }
}

impl TokenFilter for Binding {
    fn allows(&mut self, token: Token) -> Result<Option<bool>, FilterError> {
        let is_end = self.vocabulary.ends_answer(token);
        Ok(Some(match self.phase {
            Phase::Bound => self.grammar_allows(token),
            Phase::Reasoning => !is_end,
            Phase::Free => true,
            Phase::Beginning => {
                let text = self.vocabulary.full_text(token);
                let word = [self.tail.as_str(), &text].concat();
                let word = word.trim_start();
                let start = self.reasoning.as_ref().map_or("", |tags| tags.start.as_str());
                let may_think = !is_end && (start.starts_with(word) || word.starts_with(start));
                may_think || self.begin != Begin::Answer || self.grammar_allows(token)
            }
        }))
    }

    fn retain(&mut self, logits: &mut [f32]) -> Result<bool, FilterError> {
        if self.phase == Phase::Reasoning {
            // Only the end of the answer is forbidden.
            for (token, logit) in (0..).zip(logits) {
                if self.vocabulary.ends_answer(token) {
                    *logit = f32::NEG_INFINITY;
                }
            }
            return Ok(true);
        }
        self.mask(logits);
        if logits.iter().any(|logit| logit.is_finite()) { Ok(true) } else { Err(dead_end()) }
    }

    fn accept(&mut self, token: Token) -> Result<(), FilterError> {
        if self.phase == Phase::Bound {
            return self.sampler.try_accept(LlamaToken(token)).map_err(|_refused| dead_end());
        }
        let text = self.vocabulary.full_text(token);
        self.follow(&text)
    }
}

fn dead_end() -> FilterError {
    FilterError {
        message: "nothing that the model could write fits the grammar: make it less strict".to_owned(),
    }
}

/// Refuses grammars whose counted repetitions multiply beyond all bounds.
fn check_repetitions(grammar: &str) -> Result<(), FilterError> {
    let counts = grammar.split('{').skip(1).filter_map(|rest| {
        let count = rest.split('}').next()?;
        count.split(',').filter_map(|number| number.trim().parse::<u64>().ok()).max()
    });
    let total = counts.fold(0_u64, u64::saturating_add);
    if total > REPETITIONS_MAX {
        let message = format!(
            "the repetitions of the grammar or schema come to {total}; at most {REPETITIONS_MAX} are taken"
        );
        return Err(FilterError { message });
    }
    Ok(())
}

/// What a constraint asks for, as a JSON schema or as a grammar.
#[derive(Debug, PartialEq, Eq)]
pub enum Wanted<'a> {
    /// JSON that this schema describes.
    Schema(&'a str),
    /// What this grammar describes.
    Grammar(&'a str),
}

impl<'a> From<&'a Constraint> for Wanted<'a> {
    fn from(constraint: &'a Constraint) -> Self {
        match constraint {
            Constraint::JsonObject => Self::Schema(r#"{"type": "object"}"#),
            Constraint::JsonSchema(schema) => Self::Schema(schema),
            Constraint::Grammar(grammar) => Self::Grammar(grammar),
        }
    }
}
