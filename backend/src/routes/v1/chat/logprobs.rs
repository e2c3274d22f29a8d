//! How likely the tokens of an answer were, as clients read it.

use engine::{TextKind, TokenChoice, TokenLikelihood};
use serde::Serialize;
use utoipa::ToSchema;

/// How likely the tokens of a text were.
#[derive(Default, Serialize, ToSchema)]
pub(in crate::routes) struct Logprobs {
    /// Of each token.
    content: Vec<TokenLogprob>,
}

/// How likely a token was, and what else could have stood there.
#[derive(Serialize, ToSchema)]
pub(in crate::routes) struct TokenLogprob {
    #[serde(flatten)]
    chosen: Logprob,
    /// The likeliest, likeliest first.
    top_logprobs: Vec<Logprob>,
}

/// How likely a token was.
#[derive(Serialize, ToSchema)]
pub(in crate::routes) struct Logprob {
    /// Its text; what is no whole character is replaced.
    token: String,
    /// The natural logarithm of its probability.
    logprob: f32,
    /// Its bytes.
    bytes: Vec<u8>,
}

impl Logprobs {
    /// Only the answer's own tokens are told, and only where that was asked for.
    pub(super) fn of(kind: TextKind, likelihoods: &[TokenChoice]) -> Option<Self> {
        let content = likelihoods.iter().map(|token| TokenLogprob {
            chosen: Logprob::from(&token.chosen),
            top_logprobs: token.top.iter().map(Logprob::from).collect(),
        });
        (kind == TextKind::Answer && !likelihoods.is_empty()).then(|| Self { content: content.collect() })
    }

    /// Those of the tokens that follow.
    pub(super) fn append(&mut self, more: Self) {
        self.content.extend(more.content);
    }
}

impl From<&TokenLikelihood> for Logprob {
    fn from(token: &TokenLikelihood) -> Self {
        Self {
            token: String::from_utf8_lossy(&token.bytes).into_owned(),
            logprob: token.logprob,
            bytes: token.bytes.clone(),
        }
    }
}
