//! "Don't repeat yourself": which tokens would go on with a repetition, and what is taken from their logits.

use std::collections::HashMap;

use engine::{Dry, Token};

/// How far back is looked where the request does not say, and at most: what a token costs is bounded by it.
const WINDOW_MAX: usize = 2_048;
/// A longer repetition is penalised as one of this length, which is beyond any logit.
const LENGTH_MAX: usize = 64;

/// The answer so far, as far as it matters.
#[derive(Debug)]
pub struct Repetition {
    params: Dry,
    window: usize,
    /// None for what ends a repetition.
    history: Vec<Option<Token>>,
}

impl Repetition {
    /// Of an answer without a token.
    pub fn new(params: &Dry) -> Self {
        let window = params.window.map_or(WINDOW_MAX, |window| window as usize).min(WINDOW_MAX);
        Self { params: params.clone(), window, history: Vec::new() }
    }

    /// The answer has this token now.
    pub fn push(&mut self, token: Token, bytes: &[u8]) {
        let breakers = &self.params.sequence_breakers;
        let is_in = |breaker: &String| bytes.windows(breaker.len()).any(|part| part == breaker.as_bytes());
        let is_breaker = breakers.iter().any(is_in);
        self.history.push((!is_breaker).then_some(token));
        // Cut seldom, so that it costs nothing.
        if self.history.len() > 2 * self.window.max(1) {
            self.history.drain(..self.history.len() - self.window);
        }
    }

    /// What to take from the logits of tokens.
    pub fn penalties(&self) -> impl Iterator<Item = (Token, f32)> + use<'_> {
        let seen = self.history.get(self.history.len().saturating_sub(self.window)..).unwrap_or_default();
        let mut longest: HashMap<Token, usize> = HashMap::new();
        for (end, next) in seen.iter().enumerate().skip(1) {
            let Some(next) = next else { continue };
            let before = seen.get(..end).unwrap_or_default();
            let same = before.iter().rev().zip(seen.iter().rev());
            let length = same.take(LENGTH_MAX).take_while(|(a, b)| a.is_some() && a == b).count();
            if length > 0 {
                let known = longest.entry(*next).or_default();
                *known = (*known).max(length);
            }
        }
        let free = self.params.allowed_length as usize;
        let penalty = move |(token, length): (Token, usize)| {
            let over = length.checked_sub(free)?;
            let penalty = self.params.multiplier * self.params.base.powi(over as i32);
            Some((token, penalty.min(f32::MAX / 2.0)))
        };
        longest.into_iter().filter_map(penalty)
    }
}
