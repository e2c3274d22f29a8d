//! Chooses a token from logits: penalties and biases, top-k, typical, top-p, min-p, XTC, temperature, then one draw.
//!
//! [`crate::decoder`] calls it, once per token and stream. Written here and not taken from llama.cpp's chain
//! because chance must come from the caller's draw, and because a chain copies the whole vocabulary for
//! each token. The order is llama.cpp's: temperature comes last, so the cuts see the model's own certainty.

use std::cmp::Ordering;
use std::collections::HashMap;

use engine::decoder::{FilterError, TokenFilter};
use engine::{SamplingParams, Token};

use repetition::Repetition;
use shape::Shape;

mod repetition;
mod shape;

/// How many of the likeliest candidates are put in order at first: a draw rarely goes further.
const FIRST_RANKED: usize = 256;

/// Chooses the tokens of one answer.
#[derive(Debug)]
pub struct Sampler {
    params: SamplingParams,
    /// How often the answer used each token; empty while no penalty is on.
    uses: HashMap<Token, u32>,
    /// None while it is off.
    repetition: Option<Repetition>,
    /// None while the usual cuts are all.
    shape: Option<Shape>,
    /// Kept to be used again: as large as the vocabulary where a penalty is on.
    logits: Vec<f32>,
    candidates: Vec<Candidate>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Candidate {
    token: Token,
    logit: f32,
}

impl Sampler {
    /// A sampler for an answer that begins with `answer`; `bytes` are those of a token.
    pub fn new<'a>(params: &SamplingParams, answer: &[Token], bytes: impl Fn(Token) -> &'a [u8]) -> Self {
        let mut sampler = Self {
            uses: HashMap::new(),
            repetition: params.dry().map(Repetition::new),
            shape: Shape::of(params),
            params: params.clone(),
            logits: Vec::new(),
            candidates: Vec::new(),
        };
        for token in answer {
            sampler.count(*token, bytes(*token));
        }
        sampler
    }

    /// Chooses the next token by its logits, one per token of the vocabulary. `draw` is in `[0, 1)`. Where `filter`
    /// forbids the choice, the same draw chooses among what it allows. [`Sampler::count`] has to be told.
    pub fn choose(
        &mut self,
        logits: &[f32],
        draw: f64,
        filter: Option<&mut (dyn TokenFilter + 'static)>,
    ) -> Result<Token, FilterError> {
        let is_changed = self.change(logits);
        let mut token = self.pick(if is_changed { None } else { Some(logits) }, draw);
        if let Some(filter) = filter
            && !filter.allows(token)?
        {
            if !is_changed {
                self.logits.clear();
                self.logits.extend_from_slice(logits);
            }
            filter.retain(&mut self.logits)?;
            token = self.pick(None, draw);
        }
        if let Some(shape) = &mut self.shape {
            shape.settle();
        }
        Ok(token)
    }

    /// The answer has this token now.
    pub fn count(&mut self, token: Token, bytes: &[u8]) {
        let params = &self.params;
        let penalties =
            [params.repeat_penalty() - 1.0, params.presence_penalty(), params.frequency_penalty()];
        if penalties.iter().any(|penalty| *penalty != 0.0) {
            *self.uses.entry(token).or_default() += 1;
        }
        if let Some(repetition) = &mut self.repetition {
            repetition.push(token, bytes);
        }
    }

    /// Copies the logits and changes them as penalties and biases ask for; false where there are none.
    fn change(&mut self, logits: &[f32]) -> bool {
        let is_changed =
            !self.uses.is_empty() || !self.params.logit_bias().is_empty() || self.repetition.is_some();
        if !is_changed {
            return false;
        }
        self.penalise(logits);
        for (token, bias) in self.params.logit_bias() {
            add(&mut self.logits, *token, *bias);
        }
        if let Some(repetition) = &self.repetition {
            for (token, penalty) in repetition.penalties() {
                add(&mut self.logits, token, -penalty);
            }
        }
        true
    }

    /// From `logits`, or where there are none from the changed ones.
    fn pick(&mut self, logits: Option<&[f32]>, draw: f64) -> Token {
        let logits = logits.unwrap_or(&self.logits);
        if self.params.temperature() == 0.0 {
            return likeliest(logits);
        }
        self.candidates.clear();
        collect(logits, self.params.top_k() as usize, &mut self.candidates);
        match &mut self.shape {
            Some(shape) => {
                self.candidates.sort_unstable_by(by_rank);
                shape.pick(&self.params, &mut self.candidates, draw)
            }
            None => pick(&self.params, Ranked::new(&mut self.candidates), draw),
        }
    }

    fn penalise(&mut self, logits: &[f32]) {
        self.logits.clear();
        self.logits.extend_from_slice(logits);
        for (token, uses) in &self.uses {
            let Some(logit) = usize::try_from(*token).ok().and_then(|index| self.logits.get_mut(index))
            else {
                continue;
            };
            let repeat = self.params.repeat_penalty();
            *logit = if *logit > 0.0 { *logit / repeat } else { *logit * repeat };
            *logit -= self.params.presence_penalty() + self.params.frequency_penalty() * *uses as f32;
        }
    }
}

fn add(logits: &mut [f32], token: Token, value: f32) {
    let place = usize::try_from(token).ok().and_then(|index| logits.get_mut(index));
    if let Some(logit) = place {
        *logit += value;
    }
}

/// The token with the highest logit, the first of several.
fn likeliest(logits: &[f32]) -> Token {
    let mut best = Candidate { token: 0, logit: f32::NEG_INFINITY };
    for (token, &logit) in (0..).zip(logits) {
        if logit > best.logit {
            best = Candidate { token, logit };
        }
    }
    best.token
}

/// Gathers the `top_k` likeliest tokens (all where it is 0), in no order. Impossible tokens stay away.
fn collect(logits: &[f32], top_k: usize, candidates: &mut Vec<Candidate>) {
    let top_k = if top_k == 0 { logits.len() } else { top_k };
    // Twice as many as wanted are let in before the weaker half goes: so the bar rises with few cuts.
    let room = top_k.saturating_mul(2);
    let mut bar = f32::NEG_INFINITY;
    for (token, &logit) in (0..).zip(logits) {
        if logit > bar {
            candidates.push(Candidate { token, logit });
            if candidates.len() == room {
                bar = cut(candidates, top_k);
            }
        }
    }
    if candidates.len() > top_k {
        cut(candidates, top_k);
    }
}

/// Keeps the `keep` likeliest (at least one, fewer than there are) and answers the least logit among them.
fn cut(candidates: &mut Vec<Candidate>, keep: usize) -> f32 {
    let (_, last, _) = candidates.select_nth_unstable_by(keep - 1, by_rank);
    let bar = last.logit;
    candidates.truncate(keep);
    bar
}

/// Likeliest first; of equals the one with the lower id, so that the order never depends on how it was found.
fn by_rank(a: &Candidate, b: &Candidate) -> Ordering {
    b.logit.total_cmp(&a.logit).then(a.token.cmp(&b.token))
}

/// Candidates in the order of their rank, sorted only as far as somebody looks.
struct Ranked<'a> {
    candidates: &'a mut [Candidate],
    sorted: usize,
}

impl<'a> Ranked<'a> {
    fn new(candidates: &'a mut [Candidate]) -> Self {
        Self { candidates, sorted: 0 }
    }

    fn get(&mut self, rank: usize) -> Option<Candidate> {
        while rank >= self.sorted && self.sorted < self.candidates.len() {
            let rest = self.candidates.get_mut(self.sorted..)?;
            let step = self.sorted.max(FIRST_RANKED);
            let next = if step < rest.len() { rest.select_nth_unstable_by(step, by_rank).0 } else { rest };
            next.sort_unstable_by(by_rank);
            self.sorted += next.len();
        }
        self.candidates.get(rank).copied()
    }
}

/// Cuts by top-p and min-p, applies the temperature, and walks down the ranks until the draw is passed.
fn pick(params: &SamplingParams, mut ranked: Ranked<'_>, draw: f64) -> Token {
    let Some(first) = ranked.get(0) else { return 0 };
    let weight = |candidate: &Candidate, temperature: f32| {
        f64::from((candidate.logit - first.logit) / temperature).exp()
    };

    let mut kept = ranked.candidates.len();
    if params.top_p() < 1.0 || params.min_p() > 0.0 {
        let total: f64 = ranked.candidates.iter().map(|candidate| weight(candidate, 1.0)).sum();
        let enough = if params.top_p() < 1.0 { total * f64::from(params.top_p()) } else { f64::INFINITY };
        let mut reached = 0.0;
        let mut rank = 0;
        while let Some(candidate) = ranked.get(rank) {
            let own = weight(&candidate, 1.0);
            if reached >= enough || own < f64::from(params.min_p()) {
                break;
            }
            reached += own;
            rank += 1;
        }
        kept = rank.max(1);
    }

    let temperature = params.temperature();
    let total: f64 =
        ranked.candidates.iter().take(kept).map(|candidate| weight(candidate, temperature)).sum();
    let mut reached = 0.0;
    let mut chosen = first;
    for rank in 0..kept {
        let Some(candidate) = ranked.get(rank) else { break };
        chosen = candidate;
        reached += weight(&candidate, temperature);
        if reached > draw * total {
            break;
        }
    }
    chosen.token
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::{Dry, Mirostat, SamplingOptions, Xtc};

    fn params(options: SamplingOptions) -> SamplingParams {
        options.check().unwrap()
    }

    fn sampler(options: SamplingOptions, answer: &[Token]) -> Sampler {
        Sampler::new(&params(options), answer, |_| b"")
    }

    impl Sampler {
        /// Chooses freely and counts.
        fn next(&mut self, logits: &[f32], draw: f64) -> Token {
            let token = self.choose(logits, draw, None).unwrap();
            self.count(token, b"");
            token
        }
    }

    /// All cuts off, temperature 1: the model's own distribution.
    fn plain() -> SamplingOptions {
        SamplingOptions {
            temperature: Some(1.0),
            top_p: Some(1.0),
            top_k: Some(0),
            min_p: Some(0.0),
            ..SamplingOptions::default()
        }
    }

    fn choose(options: SamplingOptions, logits: &[f32], draw: f64) -> Token {
        sampler(options, &[]).next(logits, draw)
    }

    /// Probabilities 0.5, 0.25, 0.125, 0.125, not in order of rank.
    fn four() -> Vec<f32> {
        [0.125_f32, 0.5, 0.125, 0.25].map(f32::ln).to_vec()
    }

    #[test]
    fn temperature_zero_takes_the_likeliest_and_the_first_of_equals() {
        let greedy = || SamplingOptions { temperature: Some(0.0), ..plain() };
        assert_eq!(choose(greedy(), &four(), 0.999), 1);
        assert_eq!(choose(greedy(), &[1.0, 3.0, 3.0], 0.5), 1);
        assert_eq!(choose(greedy(), &[f32::NAN, -2.0, f32::NEG_INFINITY], 0.5), 1);
    }

    #[test]
    fn the_draw_walks_down_the_ranks() {
        let drawn: Vec<Token> = [0.0, 0.49, 0.51, 0.74, 0.76, 0.86, 0.88, 0.999]
            .map(|draw| choose(plain(), &four(), draw))
            .to_vec();
        assert_eq!(drawn, [1, 1, 3, 3, 0, 0, 2, 2]);
    }

    #[test]
    fn draws_spread_as_the_probabilities_say() {
        let mut counts = [0_u32; 4];
        let mut chooser = sampler(plain(), &[]);
        for step in 0..1000 {
            counts[chooser.next(&four(), (f64::from(step) + 0.5) / 1000.0) as usize] += 1;
        }
        assert_eq!(counts, [125, 500, 125, 250]);
    }

    #[test]
    fn each_cut_keeps_only_the_ranks_it_should() {
        let last = |options| choose(options, &four(), 0.999_999);
        assert_eq!(last(SamplingOptions { top_k: Some(1), ..plain() }), 1);
        assert_eq!(last(SamplingOptions { top_k: Some(2), ..plain() }), 3);
        assert_eq!(last(SamplingOptions { top_k: Some(3), ..plain() }), 0);
        assert_eq!(last(SamplingOptions { top_k: Some(9), ..plain() }), 2);
        assert_eq!(last(SamplingOptions { top_p: Some(0.49), ..plain() }), 1);
        assert_eq!(last(SamplingOptions { top_p: Some(0.51), ..plain() }), 3);
        assert_eq!(last(SamplingOptions { min_p: Some(0.6), ..plain() }), 1);
        assert_eq!(last(SamplingOptions { min_p: Some(0.4), ..plain() }), 3);
        assert_eq!(last(SamplingOptions { min_p: Some(1.0), ..plain() }), 1);
    }

    #[test]
    fn a_low_temperature_makes_the_likeliest_likelier() {
        let cold = SamplingOptions { temperature: Some(0.1), ..plain() };
        assert_eq!(choose(cold, &four(), 0.99), 1);
    }

    #[test]
    fn penalties_count_the_answer_and_what_was_chosen() {
        let greedy = SamplingOptions { temperature: Some(0.0), ..plain() };
        let once = SamplingOptions { presence_penalty: Some(1.0), ..greedy.clone() };
        assert_eq!(sampler(once.clone(), &[1]).next(&four(), 0.0), 3);
        let mut chooser = sampler(once, &[]);
        assert_eq!([chooser.next(&four(), 0.0), chooser.next(&four(), 0.0)], [1, 3]);

        let often = SamplingOptions { frequency_penalty: Some(0.3), ..greedy.clone() };
        let mut chooser = sampler(often, &[]);
        let chosen: Vec<Token> = (0..4).map(|_| chooser.next(&four(), 0.0)).collect();
        assert_eq!(chosen, [1, 1, 1, 3]);

        let repeat = SamplingOptions { repeat_penalty: Some(2.0), ..greedy };
        let mut chooser = sampler(repeat, &[0, 3]);
        assert_eq!(chooser.next(&[-1.0, -1.5, -4.0, 2.5], 0.0), 3, "halved, 1.25 is still the highest");
        assert_eq!(chooser.next(&[-1.0, -1.5, -4.0, -0.8], 0.0), 1, "doubled, -1.6 and -2 are lower");
    }

    #[test]
    fn a_large_vocabulary_is_ranked_as_a_full_sort_would() {
        // A fixed scramble: 7919 and 20011 are primes.
        let logits: Vec<f32> = (0..20_011_u32).map(|i| (i * 7919 % 20_011) as f32 / 2000.0).collect();
        let mut sorted = Vec::new();
        collect(&logits, 0, &mut sorted);
        sorted.sort_unstable_by(by_rank);

        let mut lazy = Vec::new();
        collect(&logits, 0, &mut lazy);
        let mut ranked = Ranked::new(&mut lazy);
        let walked: Vec<Candidate> = (0..).map_while(|rank| ranked.get(rank)).collect();
        assert_eq!(walked, sorted);

        for top_k in [1, 40, 255, 256, 257, 20_010] {
            let mut top = Vec::new();
            collect(&logits, top_k, &mut top);
            top.sort_unstable_by(by_rank);
            assert_eq!(top, sorted[..top_k], "top_k {top_k}");
        }
    }

    #[test]
    fn biases_move_tokens_and_those_of_no_token_do_nothing() {
        let biased = |bias| SamplingOptions { logit_bias: vec![bias, (99, 5.0), (-1, 5.0)], ..plain() };
        assert_eq!(choose(SamplingOptions { temperature: Some(0.0), ..biased((0, 3.0)) }, &four(), 0.5), 0);
        assert_eq!(choose(biased((1, -100.0)), &four(), 0.0), 3);
    }

    /// Allows a few tokens.
    #[derive(Debug)]
    struct Only(Vec<Token>);

    impl TokenFilter for Only {
        fn allows(&mut self, token: Token) -> Result<bool, FilterError> {
            Ok(self.0.contains(&token))
        }

        fn retain(&mut self, logits: &mut [f32]) -> Result<(), FilterError> {
            for (token, logit) in (0..).zip(logits) {
                if !self.0.contains(&token) {
                    *logit = f32::NEG_INFINITY;
                }
            }
            Ok(())
        }

        fn accept(&mut self, _token: Token) -> Result<(), FilterError> {
            Ok(())
        }
    }

    #[test]
    fn a_forbidden_choice_is_made_again_among_what_is_allowed() {
        let mut only = Only(vec![0, 3]);
        let mut chooser = sampler(plain(), &[]);
        let mut choose = |draw| chooser.choose(&four(), draw, Some(&mut only)).unwrap();
        assert_eq!([choose(0.0), choose(0.6), choose(0.7), choose(0.8)], [3, 3, 3, 0]);
    }

    #[test]
    fn a_repetition_becomes_the_less_likely_the_longer_it_is() {
        let dry = Dry { multiplier: 1.0, base: 2.0, allowed_length: 2, ..Dry::default() };
        let options = SamplingOptions { dry: Some(dry), temperature: Some(0.0), ..plain() };
        let logits = [0.0, 0.0, 0.0, 0.5];
        assert_eq!(
            sampler(options.clone(), &[0, 1, 3, 2, 1]).next(&logits, 0.0),
            3,
            "one token is no repetition"
        );
        assert_eq!(
            sampler(options.clone(), &[0, 1, 3, 2, 0, 1]).next(&logits, 0.0),
            0,
            "two are: 1 is taken off"
        );
        let mut broken =
            Sampler::new(
                &params(options),
                &[0, 1, 3, 2, 0, 1],
                |token| if token == 1 { b"\n" } else { b"x" },
            );
        assert_eq!(broken.choose(&logits, 0.0, None).unwrap(), 3, "a line end breaks it");
    }

    #[test]
    fn typical_keeps_what_surprises_as_expected() {
        let logits = [0.6_f32, 0.1, 0.1, 0.1, 0.1].map(f32::ln);
        let typical = SamplingOptions { typical_p: Some(0.3), ..plain() };
        assert_eq!(choose(typical, &logits, 0.0), 0, "0.5 bits are nearest to 1.8 of all");
        let even = [0.9_f32, 0.05, 0.025, 0.025].map(f32::ln);
        let narrow = SamplingOptions { typical_p: Some(0.5), ..plain() };
        assert_eq!(choose(narrow, &even, 0.999), 0);
    }

    #[test]
    fn the_likeliest_are_left_out_as_often_as_asked() {
        let always = SamplingOptions { xtc: Some(Xtc { probability: 1.0, threshold: 0.2 }), ..plain() };
        assert_eq!(choose(always, &four(), 0.0), 3, "0.5 goes, 0.25 is the least likely of those over 0.2");
        let often = |probability| {
            let options = SamplingOptions { xtc: Some(Xtc { probability, threshold: 0.2 }), ..plain() };
            (0..1000).filter(|n| choose(options.clone(), &four(), f64::from(*n) / 1000.0 * 0.4) == 1).count()
        };
        assert!((300..700).contains(&often(0.5)), "{}", often(0.5));
    }

    #[test]
    fn mirostat_cuts_what_surprises_too_much_and_learns() {
        let options = SamplingOptions { mirostat: Some(Mirostat { tau: 1.1, eta: 0.5 }), ..plain() };
        let mut chooser = sampler(options, &[]);
        assert_eq!(chooser.next(&four(), 0.999), 3, "at first 2.2 bits are allowed");
        let mut chosen: Vec<Token> = (0..6).map(|_| chooser.next(&four(), 0.0)).collect();
        chosen.dedup();
        assert_eq!(chosen, [1]);
        assert!([0, 2].contains(&chooser.next(&four(), 0.999)), "dull choices allow more surprise");
    }
}
