//! Vectors of texts, from the last layer of any model.
//!
//! It has a context of its own, made when it is first asked: the scheduler's is busy with answers and keeps their caches.
//! The worker calls it on one thread.

use std::num::NonZeroU32;

use engine::decoder::PromptError;
use engine::{Embeddings, Pooling, Token};
use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::context::params::{LlamaContextParams, LlamaPoolingType};
use llama_cpp_2::llama_batch::LlamaBatch;
use llama_cpp_2::token::LlamaToken;

use crate::containment::memory;
use crate::vocabulary::Vocabulary;
use crate::{load, threads};

/// Tokens of one text at most: what models for search read, and small enough for its buffers.
const TEXT_MAX_TOKENS: u32 = 2_048;

/// Bytes of cache and buffers, from above, beside a logit of every token for every token, which llama.cpp reserves twice.
const BUFFERS_BYTES: u64 = 512 * 1024 * 1024;

/// A model's context for embeddings.
#[derive(Debug)]
pub struct Embedder {
    context: LlamaContext<'static>,
    batch: LlamaBatch<'static>,
    most: u32,
}

impl Embedder {
    /// A context of its own.
    ///
    /// # Errors
    /// There is not enough memory.
    pub fn new(vocabulary: &Vocabulary) -> Result<Self, PromptError> {
        let model = vocabulary.model();
        let most = TEXT_MAX_TOKENS.min(model.n_ctx_train().max(1));
        let threads = threads::cores().max(1).cast_signed();
        let params = LlamaContextParams::default()
            .with_n_ctx(NonZeroU32::new(most))
            .with_n_batch(most)
            .with_n_ubatch(most)
            .with_n_threads(threads)
            .with_n_threads_batch(threads)
            .with_embeddings(true)
            // Pooled here: so each request may choose.
            .with_pooling_type(LlamaPoolingType::None);
        memory::widen(room_bytes(vocabulary.size(), most));
        let refused = |error: String| PromptError::Unsupported(format!("embeddings cannot be made: {error}"));
        let backend = load::backend().map_err(|error| refused(error.to_owned()))?;
        let context = model.new_context(backend, params).map_err(|error| refused(error.to_string()))?;
        Ok(Self { context, batch: LlamaBatch::new(most as usize, 1), most })
    }

    /// The vectors of texts.
    ///
    /// # Errors
    /// One of them is too long, or the model cannot do it.
    pub fn embed(
        &mut self,
        vocabulary: &Vocabulary,
        texts: &[String],
        pooling: Option<Pooling>,
    ) -> Result<Embeddings, PromptError> {
        let pooling = pooling.unwrap_or_else(|| trained_pooling(vocabulary));
        let mut embeddings = Embeddings { vectors: Vec::with_capacity(texts.len()), tokens: 0 };
        for text in texts {
            let mut tokens: Vec<Token> = vocabulary.bos().into_iter().collect();
            vocabulary.tokenise_into(text, &mut tokens);
            if tokens.len() > self.most as usize {
                return Err(PromptError::Unsupported(format!(
                    "a text has {} tokens, and at most {} can be embedded: cut it into parts",
                    tokens.len(),
                    self.most
                )));
            }
            embeddings.tokens += tokens.len() as u32;
            embeddings.vectors.push(self.vector(&tokens, pooling)?);
        }
        Ok(embeddings)
    }

    fn vector(&mut self, tokens: &[Token], pooling: Pooling) -> Result<Vec<f32>, PromptError> {
        let refused =
            |error: String| PromptError::Unsupported(format!("the text cannot be embedded: {error}"));
        self.context.clear_kv_cache();
        self.batch.clear();
        for (position, token) in (0..).zip(tokens) {
            let added = self.batch.add(LlamaToken(*token), position, &[0], true);
            added.map_err(|error| refused(error.to_string()))?;
        }
        self.context.decode(&mut self.batch).map_err(|error| refused(error.to_string()))?;
        let of = |index: usize| {
            let index = i32::try_from(index).unwrap_or_default();
            self.context.embeddings_ith(index).map_err(|error| refused(error.to_string()))
        };
        match pooling {
            Pooling::First => of(0).map(<[f32]>::to_vec),
            Pooling::Last => of(tokens.len().saturating_sub(1)).map(<[f32]>::to_vec),
            Pooling::Mean => {
                let mut mean = vec![0.0; of(0)?.len()];
                for index in 0..tokens.len() {
                    for (sum, value) in mean.iter_mut().zip(of(index)?) {
                        *sum += value / tokens.len() as f32;
                    }
                }
                Ok(mean)
            }
        }
    }
}

/// What the model was made for, in llama.cpp's numbers; the mean where its file does not say.
fn trained_pooling(vocabulary: &Vocabulary) -> Pooling {
    let model = vocabulary.model();
    let architecture = model.meta_val_str("general.architecture").unwrap_or_default();
    match model.meta_val_str(&format!("{architecture}.pooling_type")).as_deref() {
        Ok("2") => Pooling::First,
        Ok("3") => Pooling::Last,
        _ => Pooling::Mean,
    }
}

/// What the context takes at most.
fn room_bytes(vocabulary_tokens: u32, most: u32) -> u64 {
    let logits_bytes = u64::from(vocabulary_tokens) * u64::from(most) * 4;
    BUFFERS_BYTES.saturating_add(logits_bytes.saturating_mul(2))
}
