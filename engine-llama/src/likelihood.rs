//! How likely tokens were by the model alone.

use engine::Token;

/// Natural logarithms of probabilities.
#[derive(Debug, PartialEq)]
pub struct Likelihoods {
    /// Of the token asked for.
    pub chosen: (Token, f32),
    /// Of the likeliest, likeliest first.
    pub top: Vec<(Token, f32)>,
}

/// Of a token and of the `top` likeliest, by the logits of the whole vocabulary.
pub fn of(logits: &[f32], token: Token, top: usize) -> Likelihoods {
    let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let total: f64 = logits.iter().map(|logit| f64::from(logit - most).exp()).sum();
    let scale = f64::from(most) + total.ln();
    let logprob = |logit: f32| (f64::from(logit) - scale) as f32;
    let mut likeliest: Vec<(Token, f32)> = Vec::with_capacity(top + 1);
    for (other, &logit) in (0..).zip(logits) {
        let at = likeliest.partition_point(|(_, likelier)| *likelier >= logit);
        if at < top {
            likeliest.truncate(top - 1);
            likeliest.insert(at, (other, logit));
        }
    }
    let own = usize::try_from(token).ok().and_then(|index| logits.get(index)).copied();
    let own = own.unwrap_or(f32::NEG_INFINITY);
    let top = likeliest.into_iter().map(|(other, logit)| (other, logprob(logit))).collect();
    Likelihoods { chosen: (token, logprob(own)), top }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn likelihoods_are_those_of_the_whole_distribution() {
        let logits = [0.125_f32, 0.5, 0.125, 0.25].map(f32::ln);
        let likely = of(&logits, 2, 3);
        let near = |(token, logprob): (Token, f32), expected: (Token, f32)| {
            assert!(token == expected.0 && (logprob - expected.1.ln()).abs() < 1e-6, "{token} {logprob}");
        };
        near(likely.chosen, (2, 0.125));
        assert_eq!(likely.top.len(), 3);
        for (told, expected) in likely.top.into_iter().zip([(1, 0.5), (3, 0.25), (0, 0.125)]) {
            near(told, expected);
        }
        assert_eq!(of(&logits, 1, 0).top, []);
        assert_eq!(of(&[f32::NEG_INFINITY, 0.0], 0, 1).chosen.1, f32::NEG_INFINITY);
    }
}
