//! What a worker is asked beside answers: once, and told at once.

use serde::{Deserialize, Serialize};

use crate::{Chat, Embeddings, Pooling, RenderedPrompt, Token};

/// A question to a model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Question {
    /// How many tokens a conversation is.
    Measure(Box<Chat>),
    /// What the chat template makes of it.
    Render(Box<Chat>),
    /// The tokens of a text in which no control token is looked for.
    Tokenize(String),
    /// The text of tokens, that of control tokens included.
    Detokenize(Vec<Token>),
    /// The vectors of texts.
    Embed {
        /// In order.
        texts: Vec<String>,
        /// None: as the model was made for.
        pooling: Option<Pooling>,
    },
}

/// What it told, in the order of [`Question`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each is the answer to the question of its name")]
pub enum Told {
    Measured { prompt_tokens: u32 },
    Rendered(RenderedPrompt),
    Tokens(Vec<Token>),
    Text(String),
    Embedded(Embeddings),
}
