//! The seam below the scheduler: what a worker needs from whatever evaluates the model.
//!
//! `engine-llama` implements it over llama.cpp, [`crate::scripted`] without any model. The scheduler decides
//! everything else: which tokens go into a batch, what is reused, when an answer ends and what its text is.
//! Nothing here waits, sleeps or does I/O but the decoding itself.

use std::path::Path;
use std::time::Duration;

pub use crate::reply::{CallFormat, ReasoningFormat, ReplyFormat, ToolFormat};
use crate::{
    CacheType, Chat, ChatMessage, ChatRole, Constraint, Embeddings, FlashAttention, GenerationError,
    LoadStage, LoraAdapter, MemoryUse, Pooling, SamplingParams, Speculation, StateBudget, Token, TokenChoice,
};

/// One token of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchToken {
    /// The slot, from 0: llama.cpp's sequence id.
    pub slot: u32,
    /// What to evaluate.
    pub token: Token,
    /// Its place in the slot, from 0. Always the number of tokens that the slot holds before it.
    pub position: u32,
    /// Whether [`Decoder::sample`] will be asked for the token after this one.
    pub wants_logits: bool,
}

/// What is known of a model once it is loaded.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ModelFacts {
    /// Slots that exist, at least 1: so many streams can run at once.
    pub slots: u32,
    /// Tokens that one slot holds, prompt and answer together.
    pub context_tokens: u32,
    /// Most tokens in one call of [`Decoder::decode`], at least `slots`.
    pub batch_tokens: u32,
    /// Size of the vocabulary: token ids are from 0 and below this.
    pub vocabulary_tokens: u32,
    /// Whether tokens may be evaluated that may turn out wrong, and who drafts them.
    pub drafting: Drafting,
}

/// Who drafts tokens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Drafting {
    /// Nobody: the settings say so, or the model's cache cannot be cut at its end.
    #[default]
    Off,
    /// The scheduler, by what it finds in prompt and answer.
    Lookup,
    /// … and [`Decoder::draft`] where that finds nothing.
    Model,
}

/// What is to be known of a decoder's sequence states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StateTraits {
    /// The same only where states can be exchanged: of the same weights, evaluated and kept in the same way.
    pub identity: [u8; 32],
    /// Whether [`Decoder::keep_prefix`] can cut a slot that was restored. Otherwise a state serves only whole.
    pub can_be_cut: bool,
}

/// Why the model could not be evaluated. The streams of the batch fail; the worker goes on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct DecodeError {
    /// For the log.
    pub message: String,
}

/// From which logits a token is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Logits {
    /// Those at this index of the last batch.
    Row(usize),
    /// Those of the slot's last choice, which could not be made yet.
    Kept,
}

/// The model, its caches and its samplers: owned by the one thread that runs the scheduler.
pub trait Decoder {
    /// Never changes.
    fn facts(&self) -> &ModelFacts;

    /// Evaluates all tokens of `batch` (never empty, at most [`ModelFacts::batch_tokens`], ordered by slot, and by
    /// position within a slot) and remembers the logits of those that want them until the next call.
    fn decode(&mut self, batch: &[BatchToken]) -> Result<(), DecodeError>;

    /// A new answer begins in `slot`: builds its sampler. `answer` are the tokens of the answer so far (empty but
    /// for a continued one), which penalties must have seen; penalties never count the prompt.
    fn begin(&mut self, slot: u32, sampling: &SamplingParams, answer: &[Token]) -> Result<(), DecodeError>;

    /// Chooses the next token of `slot`, after one of the last batch that wanted logits, and tells the slot's sampler of it
    /// (once). `draw` is uniform in `[0, 1)` and the only source of chance:
    /// the token is the first whose cumulated probability exceeds it, over the candidates that the sampler left,
    /// most likely first. So a continued answer draws as it would have. Greedy where the temperature is 0. A token that
    /// `filter` does not allow is replaced by the one that is drawn among those that it allows. None where the filter does
    /// not know yet: the logits are kept until the choice has been made from [`Logits::Kept`].
    fn sample(
        &mut self,
        slot: u32,
        logits: Logits,
        draw: f64,
        filter: Option<&mut (dyn TokenFilter + 'static)>,
    ) -> Result<Option<Token>, SampleError>;

    /// How likely `token`, which was sampled from these logits of `slot`, was by the model alone, with the `top` likeliest.
    fn choice(
        &mut self,
        slot: u32,
        logits: Logits,
        token: Token,
        top: u32,
    ) -> Result<TokenChoice, DecodeError>;

    /// Tokens that may follow `tokens`, which are prompt and answer of the stream in `slot`: at most `most`, likeliest each,
    /// as long as they are likely. None while a long prompt is read for it, a piece at each call. Only asked where
    /// [`ModelFacts::drafting`] says that there is a model for it.
    fn draft(&mut self, slot: u32, tokens: &[Token], most: usize) -> Vec<Token> {
        let _ = (slot, tokens, most);
        Vec::new()
    }

    /// The answer in `slot` has ended: drops its sampler. The evaluated tokens stay for reuse.
    fn end(&mut self, slot: u32);

    /// Forgets all but the first `tokens` tokens of `slot`, and answers how many are left: fewer than asked for, down
    /// to 0, where the model cannot be cut at that place (recurrent and sliding-window models).
    fn keep_prefix(&mut self, slot: u32, tokens: u32) -> u32;

    /// Makes the first `tokens` tokens of `from` also those of `to`, whose own are forgotten, and answers how many `to`
    /// now holds: fewer than asked for, down to 0, where that cannot be done. `from` keeps all of its own and may be
    /// in the middle of an answer.
    fn copy_prefix(&mut self, from: u32, to: u32, tokens: u32) -> u32;

    /// Forgets all tokens of `slot`. Also called after [`Decoder::decode`] failed, when its content is unknown.
    fn clear(&mut self, slot: u32);

    /// What is to be known of this decoder's sequence states.
    fn state_traits(&self) -> StateTraits;

    /// How many bytes [`Decoder::save_state`] would give for `slot` now.
    fn state_bytes(&self, slot: u32) -> u64;

    /// All that the evaluated tokens of `slot` have left behind; none where it holds none or they cannot be saved.
    fn save_state(&mut self, slot: u32) -> Option<Vec<u8>>;

    /// Puts what [`Decoder::save_state`] gave for `tokens` tokens, of any decoder of the same [`StateTraits::identity`], in
    /// place of all that `slot` holds. Where it answers `false`, the slot is empty.
    fn restore_state(&mut self, slot: u32, state: &[u8], tokens: u32) -> bool;

    /// As [`Decoder::save_state`], but into a new file at `path`, and no second copy is held in memory. The one call beside
    /// its pair that does I/O: for states that are too large for memory, while nobody is being answered. Where it answers
    /// `false`, whatever is in the file is of no use.
    fn save_state_file(&mut self, slot: u32, path: &Path) -> bool;

    /// As [`Decoder::restore_state`], from a file that [`Decoder::save_state_file`] has written and that may have more
    /// behind it.
    fn restore_state_file(&mut self, slot: u32, path: &Path, tokens: u32) -> bool;

    /// The bytes of a token as they appear in an answer: empty for control tokens, possibly part of a character.
    /// From a table made when the model was loaded.
    fn token_bytes(&self, token: Token) -> &[u8];

    /// Whether the token ends the answer.
    fn is_end(&self, token: Token) -> bool;
}

/// Which tokens may come next in one answer. It knows the answer so far.
pub trait TokenFilter: Send + std::fmt::Debug {
    /// How long the next questions together may hold up whoever asks them.
    fn set_patience(&mut self, patience: Duration) {
        let _ = patience;
    }

    /// Whether this token may come next. Asked of the likeliest choice first: nearly always that is all. None where that is
    /// not known yet: it is asked again.
    ///
    /// # Errors
    /// It cannot be told; the answer fails.
    fn allows(&mut self, token: Token) -> Result<Option<bool>, FilterError>;

    /// Makes impossible, by a logit of negative infinity, every candidate that may not come next; `false` where those are
    /// not known yet.
    ///
    /// # Errors
    /// It cannot be told, or nothing may come next; the answer fails.
    fn retain(&mut self, logits: &mut [f32]) -> Result<bool, FilterError>;

    /// The token has come.
    ///
    /// # Errors
    /// It may not; the answer fails.
    fn accept(&mut self, token: Token) -> Result<(), FilterError>;
}

/// Why an answer cannot be bound any longer; a sentence for the person who asked for it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct FilterError {
    /// What happened.
    pub message: String,
}

/// Why no token could be chosen. The stream fails alone.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SampleError {
    /// A fault of ours.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The constraint of the answer.
    #[error(transparent)]
    Filter(#[from] FilterError),
}

impl From<SampleError> for GenerationError {
    fn from(error: SampleError) -> Self {
        match error {
            SampleError::Decode(DecodeError { message }) => Self::Internal { message },
            SampleError::Filter(FilterError { message }) => Self::Constraint { message },
        }
    }
}

/// A prompt that is ready to be evaluated.
#[derive(Debug, Default)]
pub struct PreparedPrompt {
    /// Its tokens, the beginning-of-text token included where the model wants one.
    pub tokens: Vec<Token>,
    /// How many of them, from the first, come before any word of a user, and are the same for whoever begins with the same
    /// instructions. What they leave behind may be shared between users.
    pub shared_tokens: u32,
    /// Text before which the answer ends, beside the request's own: what the chat template asks for.
    pub stop: Vec<String>,
    /// How the model writes its reply.
    pub format: ReplyFormat,
    /// Binds the reply; none where it is free.
    pub filter: Option<Box<dyn TokenFilter>>,
}

/// Why a prompt could not be prepared; each a sentence for the person who sent it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PromptError {
    /// The chat template refused the conversation.
    #[error("{0}")]
    Template(String),
    /// The constraint of the answer cannot be kept to.
    #[error("{0}")]
    Constraint(String),
    /// The model cannot do what was asked for.
    #[error("{0}")]
    Unsupported(String),
}

impl From<PromptError> for GenerationError {
    fn from(error: PromptError) -> Self {
        match error {
            PromptError::Template(message) => Self::Template { message },
            PromptError::Constraint(message) => Self::Constraint { message },
            PromptError::Unsupported(message) => Self::Unsupported { message },
        }
    }
}

/// Chat template and tokeniser. Runs on a thread of its own, beside the decoder's, because a template takes
/// milliseconds; a second thread may enter it when one is stuck.
pub trait PromptReader: Send + Sync + 'static {
    /// Applies the model's chat template to a conversation that has been checked, with the opening of the assistant's
    /// answer at the end, and turns the text into tokens. The answer will be bound by `constraint`; `answer` are its
    /// tokens so far.
    fn read(
        &self,
        chat: &Chat,
        constraint: Option<&Constraint>,
        answer: &[Token],
    ) -> Result<PreparedPrompt, PromptError>;

    /// What [`PromptReader::read`] would tell beside the tokens of a prompt that comes as tokens, because its answer is
    /// continued.
    fn read_again(
        &self,
        tokens: Vec<Token>,
        constraint: Option<&Constraint>,
        answer: &[Token],
    ) -> Result<PreparedPrompt, PromptError> {
        let any = Chat::from(vec![ChatMessage::new(ChatRole::User, "Hello")]);
        Ok(PreparedPrompt { tokens, ..self.read(&any, constraint, answer)? })
    }

    /// The tokens of a text in which no control token is looked for.
    fn tokenize(&self, text: &str) -> Vec<Token>;

    /// The text of tokens, that of control tokens included; what is no UTF-8 is replaced.
    fn detokenize(&self, tokens: &[Token]) -> String;

    /// The vectors of texts, as long as they come. On a thread of its own.
    fn embed(&self, texts: &[String], pooling: Option<Pooling>) -> Result<Embeddings, PromptError> {
        let _ = (texts, pooling);
        Err(PromptError::Unsupported("this model makes no embeddings: choose another one".to_owned()))
    }
}

/// A slot's context where none is asked for, unless the model was trained for less: the cache of a model trained for
/// 128 k would take more memory than the model.
const CONTEXT_TOKENS: u32 = 8_192;

/// What to load; the first command that a worker gets.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct LoadRequest {
    /// A GGUF file whose header has been checked.
    pub path: std::path::PathBuf,
    /// Slots to make, at least 1.
    pub slots: u32,
    /// Tokens of one slot; none: what the model was trained for, but at most 8,192.
    pub context_tokens: Option<u32>,
    /// Threads for one token of each stream; none: found by measuring, at most the machine's cores.
    pub threads: Option<u32>,
    /// Threads for reading prompts; as `threads`.
    pub batch_threads: Option<u32>,
    /// Layers whose weights a GPU keeps, in a build for one; none: all.
    pub gpu_layers: Option<u32>,
    /// How keys are kept in the cache.
    pub cache_type_k: CacheType,
    /// How values are kept in the cache.
    pub cache_type_v: CacheType,
    /// Whether attention is computed in one go.
    pub flash_attention: FlashAttention,
    /// Adapters to apply, each a file whose header has been checked.
    pub lora: Vec<LoraAdapter>,
    /// A small model that drafts, whose header has been checked.
    pub draft_model: Option<std::path::PathBuf>,
    /// Whether tokens are guessed ahead.
    pub speculation: Speculation,
    /// For states of sequences.
    pub states: StateBudget,
}

impl LoadRequest {
    /// Tokens of one slot, for a model that was trained to read `trained_tokens`.
    pub fn slot_tokens(&self, trained_tokens: Option<u32>) -> u32 {
        let tokens = self.context_tokens.unwrap_or(CONTEXT_TOKENS);
        tokens.min(trained_tokens.unwrap_or(tokens)).max(1)
    }

    /// A model as it is, with one slot and nothing kept beyond it.
    pub fn new(path: impl Into<std::path::PathBuf>) -> Self {
        Self {
            path: path.into(),
            slots: 1,
            context_tokens: None,
            threads: None,
            batch_threads: None,
            gpu_layers: None,
            cache_type_k: CacheType::default(),
            cache_type_v: CacheType::default(),
            flash_attention: FlashAttention::default(),
            lora: Vec::new(),
            draft_model: None,
            speculation: Speculation::default(),
            states: StateBudget::default(),
        }
    }
}

/// A model that is ready.
#[derive(Debug)]
pub struct LoadedModel<D, R> {
    /// Goes to the scheduler's thread, which is the one that loaded it.
    pub decoder: D,
    /// Goes to the prompt thread.
    pub reader: R,
    /// Weights, cache and compute buffers as they were made. What the process takes beside them the worker finds out.
    pub memory: MemoryUse,
}

/// Why a model could not be loaded; a sentence that says what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct LoadError {
    /// For the person who chose the model.
    pub message: String,
}

/// Told the stage and how much of it is done (0 to 1); answers whether to go on: `false` once the parent has gone.
pub type LoadProgress<'a> = dyn FnMut(LoadStage, f32) -> bool + 'a;
