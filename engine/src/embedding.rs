//! Texts as vectors.

use serde::{Deserialize, Serialize};

use crate::{InvalidOption, ModelId};

/// Most texts of one request: a page of a document store.
const TEXTS_MAX: usize = 2_048;

/// How the vectors of a text's tokens become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Pooling {
    /// Their mean.
    Mean,
    /// That of the first token.
    First,
    /// That of the last token.
    Last,
}

/// Texts to embed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmbedRequest {
    /// Which model.
    pub model: ModelId,
    /// In order, at least one, none of them empty.
    pub texts: Vec<String>,
    /// How to pool; none: as the model was made for, and the mean where it does not say.
    pub pooling: Option<Pooling>,
    /// Keeps only so many numbers of each vector, from the first on; none: all. Only of worth for models that were
    /// trained for it.
    pub dimensions: Option<u32>,
    /// Whether each vector gets the length 1.
    pub normalise: bool,
}

impl EmbedRequest {
    /// Checks the bounds.
    ///
    /// # Errors
    /// `texts` or `dimensions`, with the bound.
    pub fn check(&self) -> Result<(), InvalidOption> {
        let invalid = |field, message| Err(InvalidOption { field, message });
        if self.texts.is_empty() || self.texts.len() > TEXTS_MAX {
            let message = format!("must be 1 to {TEXTS_MAX} texts, and are {}", self.texts.len());
            return invalid("texts", message);
        }
        if self.texts.iter().any(String::is_empty) {
            return invalid("texts", "a text must not be empty".to_owned());
        }
        if self.dimensions == Some(0) {
            return invalid("dimensions", "must be at least 1".to_owned());
        }
        Ok(())
    }
}

impl EmbedRequest {
    /// A vector as it was asked for.
    pub(crate) fn finished(&self, mut vector: Vec<f32>) -> Vec<f32> {
        vector.truncate(self.dimensions.map_or(usize::MAX, |dimensions| dimensions as usize));
        let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
        if self.normalise && length > 0.0 {
            vector.iter_mut().for_each(|value| *value /= length);
        }
        vector
    }
}

/// The vectors of texts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Embeddings {
    /// One for each text, in their order.
    pub vectors: Vec<Vec<f32>>,
    /// Tokens of all texts.
    pub tokens: u32,
}
