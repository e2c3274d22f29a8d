//! The cuts that few ask for: typical, XTC, Mirostat.

use engine::{Mirostat, SamplingParams, Token};

use super::{Candidate, by_rank};

/// What they need to know.
#[derive(Debug)]
pub struct Shape {
    /// Of Mirostat: the most surprise that is allowed now, in bits.
    allowed_bits: f64,
    /// What it becomes once the choice stands.
    next_allowed_bits: f64,
}

impl Shape {
    /// None where nobody asks for any of them.
    pub fn of(params: &SamplingParams) -> Option<Self> {
        let is_used = params.typical_p() < 1.0 || params.xtc().is_some() || params.mirostat().is_some();
        // Where Mirostat begins.
        let allowed_bits = params.mirostat().map_or(0.0, |mirostat| 2.0 * f64::from(mirostat.tau));
        is_used.then_some(Self { allowed_bits, next_allowed_bits: allowed_bits })
    }

    /// The last pick has become a token.
    pub fn settle(&mut self) {
        self.allowed_bits = self.next_allowed_bits;
    }

    /// Cuts the candidates, which are in the order of their rank, and draws.
    pub fn pick(&mut self, params: &SamplingParams, candidates: &mut Vec<Candidate>, draw: f64) -> Token {
        if let Some(mirostat) = params.mirostat() {
            return self.pick_even(params.temperature(), mirostat, candidates, draw);
        }
        if params.typical_p() < 1.0 {
            keep_typical(candidates, f64::from(params.typical_p()));
        }
        keep_likely(candidates, f64::from(params.top_p()), f64::from(params.min_p()));
        if let Some(xtc) = params.xtc()
            && second_draw(draw) < f64::from(xtc.probability)
        {
            leave_out_top(candidates, f64::from(xtc.threshold));
        }
        drawn(&probabilities(candidates, params.temperature()), candidates, draw).0
    }

    fn pick_even(
        &mut self,
        temperature: f32,
        mirostat: Mirostat,
        candidates: &mut Vec<Candidate>,
        draw: f64,
    ) -> Token {
        let surprises = probabilities(candidates, temperature).into_iter().map(|share| -share.log2());
        let kept = surprises.take_while(|bits| *bits <= self.allowed_bits).count();
        candidates.truncate(kept.max(1));
        let (token, share) = drawn(&probabilities(candidates, temperature), candidates, draw);
        let error = -share.log2() - f64::from(mirostat.tau);
        self.next_allowed_bits = self.allowed_bits - f64::from(mirostat.eta) * error;
        token
    }
}

/// Whether XTC is to act must not hang together with what is then drawn.
fn second_draw(draw: f64) -> f64 {
    let bits = draw.to_bits().wrapping_mul(0x9e37_79b9_7f4a_7c15);
    ((bits ^ (bits >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 11) as f64 / (1_u64 << 53) as f64
}

fn probabilities(candidates: &[Candidate], temperature: f32) -> Vec<f64> {
    let Some(first) = candidates.first() else { return Vec::new() };
    let weight = |candidate: &Candidate| f64::from((candidate.logit - first.logit) / temperature).exp();
    let weights: Vec<f64> = candidates.iter().map(weight).collect();
    let total: f64 = weights.iter().sum();
    weights.into_iter().map(|weight| weight / total).collect()
}

fn drawn(shares: &[f64], candidates: &[Candidate], draw: f64) -> (Token, f64) {
    let mut reached = 0.0;
    let mut chosen = (0, 1.0);
    for (candidate, share) in candidates.iter().zip(shares) {
        chosen = (candidate.token, *share);
        reached += share;
        if reached > draw {
            break;
        }
    }
    chosen
}

/// Those whose surprise is nearest to the expected one, until they reach `enough`.
fn keep_typical(candidates: &mut Vec<Candidate>, enough: f64) {
    let shares = probabilities(candidates, 1.0);
    let surprise = |share: f64| if share > 0.0 { -share.ln() } else { f64::INFINITY };
    let expected: f64 =
        shares.iter().filter(|share| **share > 0.0).map(|share| share * surprise(*share)).sum();
    let mut by_distance: Vec<(f64, f64, Candidate)> = shares
        .into_iter()
        .zip(candidates.iter())
        .map(|(share, candidate)| ((surprise(share) - expected).abs(), share, *candidate))
        .collect();
    by_distance.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut reached = 0.0;
    candidates.clear();
    for (_, share, candidate) in by_distance {
        candidates.push(candidate);
        reached += share;
        if reached >= enough {
            break;
        }
    }
    candidates.sort_unstable_by(by_rank);
}

/// Top-p, then min-p.
fn keep_likely(candidates: &mut Vec<Candidate>, top_p: f64, min_p: f64) {
    let shares = probabilities(candidates, 1.0);
    let least = shares.first().copied().unwrap_or_default() * min_p;
    let mut reached = 0.0;
    let mut kept = 0;
    for share in shares {
        if (top_p < 1.0 && reached >= top_p) || share < least {
            break;
        }
        reached += share;
        kept += 1;
    }
    candidates.truncate(kept.max(1));
}

fn leave_out_top(candidates: &mut Vec<Candidate>, threshold: f64) {
    let likely = probabilities(candidates, 1.0).into_iter().take_while(|share| *share >= threshold).count();
    if likely > 1 {
        candidates.drain(..likely - 1);
    }
}
