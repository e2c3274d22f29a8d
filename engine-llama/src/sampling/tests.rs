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
        let token = self.choose(logits, draw, None).unwrap().unwrap();
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
    let drawn: Vec<Token> =
        [0.0, 0.49, 0.51, 0.74, 0.76, 0.86, 0.88, 0.999].map(|draw| choose(plain(), &four(), draw)).to_vec();
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
    fn allows(&mut self, token: Token) -> Result<Option<bool>, FilterError> {
        Ok(Some(self.0.contains(&token)))
    }

    fn retain(&mut self, logits: &mut [f32]) -> Result<bool, FilterError> {
        for (token, logit) in (0..).zip(logits) {
            if !self.0.contains(&token) {
                *logit = f32::NEG_INFINITY;
            }
        }
        Ok(true)
    }

    fn accept(&mut self, _token: Token) -> Result<(), FilterError> {
        Ok(())
    }
}

#[test]
fn a_forbidden_choice_is_made_again_among_what_is_allowed() {
    let mut only = Only(vec![0, 3]);
    let mut chooser = sampler(plain(), &[]);
    let mut choose = |draw| chooser.choose(&four(), draw, Some(&mut only)).unwrap().unwrap();
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
        Sampler::new(&params(options), &[0, 1, 3, 2, 0, 1], |token| if token == 1 { b"\n" } else { b"x" });
    assert_eq!(broken.choose(&logits, 0.0, None).unwrap().unwrap(), 3, "a line end breaks it");
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
