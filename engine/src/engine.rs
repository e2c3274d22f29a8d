//! The engine as the backend sees it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot, watch};

use crate::pool::{self, Board, Heard, Pool, Request, sweeper};
use crate::question::{Question, Told};
use crate::{
    Chat, EmbedRequest, Embeddings, EngineConfig, EngineError, GenerateRequest, Generation, GenerationError,
    ModelId, ModelInfo, PromptSize, RenderedPrompt, StartError, Token, Whose, catalog,
};

/// Texts that are embedded in one go: between two of them others have a turn, and their vectors fit a frame.
const EMBED_TEXTS: usize = 16;

/// All models and their workers. Cheap to clone. The workers end with [`Engine::shutdown`], when the last clone is
/// dropped, or with the process.
#[derive(Clone, Debug)]
pub struct Engine {
    requests: mpsc::Sender<Request>,
    board: Arc<Board>,
    slots: u32,
    state_dir: Arc<Path>,
}

impl Engine {
    /// Scans the model path; loads nothing yet. Must be called on a multi-thread tokio runtime. A file that is not a
    /// usable GGUF becomes a model in state `Failed` with a message that says why.
    pub fn start(mut config: EngineConfig) -> Result<Engine, StartError> {
        let worker = config.worker.canonicalize();
        config.worker = worker.map_err(|cause| StartError::Worker { path: config.worker.clone(), cause })?;
        let made = fs::create_dir_all(&config.state_dir).and_then(|()| config.state_dir.canonicalize());
        config.state_dir =
            made.map_err(|cause| StartError::StateDir { path: config.state_dir.clone(), cause })?;
        let (found, settings) = catalog::scan(&config.model_path)?;
        config.slots = config.slots.max(1);

        let slots = config.slots;
        let (requests, inbox) = mpsc::channel(pool::REQUESTS_CAPACITY);
        let state_dir = Arc::from(config.state_dir.as_path());
        tokio::spawn(sweeper::run(config.clone(), requests.downgrade()));
        let pool = Pool::new(config, found, settings);
        let board = pool.board();
        tokio::spawn(pool.run(inbox));
        Ok(Self { requests, board, slots, state_dir })
    }

    /// All models by id, the unusable ones too.
    pub fn models(&self) -> Vec<ModelInfo> {
        self.board.models()
    }

    /// Answers that a model writes at the same time, where nothing else is set for it.
    pub fn slots(&self) -> u32 {
        self.slots
    }

    /// What is wrong with the settings of models as they stand in `models.toml` now, with file, line and key, where older
    /// ones are still in force.
    pub fn settings_complaint(&self) -> Option<String> {
        self.board.settings_complaint()
    }

    /// Changes with every change of [`Engine::models`].
    pub fn watch_models(&self) -> watch::Receiver<u64> {
        self.board.watch()
    }

    /// The id of a model by its name in a request, in whatever case; the default model where there is none.
    pub fn resolve(&self, id: Option<&str>) -> Result<ModelId, EngineError> {
        let wanted = |model: &ModelInfo| match id {
            Some(id) => model.id.as_str().eq_ignore_ascii_case(id),
            None => model.is_default,
        };
        let found = self.models().into_iter().find(wanted).map(|model| model.id);
        found.ok_or_else(|| EngineError::UnknownModel { id: id.unwrap_or_default().to_owned() })
    }

    /// Begins an answer. Refuses with `UnknownModel`, `Overloaded` and `ShuttingDown`; everything else is told by
    /// the generation.
    pub async fn generate(&self, request: GenerateRequest) -> Result<Generation, EngineError> {
        self.ask(|reply| Request::Generate { request: Box::new(request), reply }).await?
    }

    /// How many tokens a conversation is for a model, which is loaded for it.
    pub async fn measure(&self, model: &ModelId, chat: impl Into<Chat>) -> Result<PromptSize, EngineError> {
        match self.ask_model(model, Question::Measure(Box::new(chat.into()))).await? {
            (Told::Measured { prompt_tokens }, context_tokens) => {
                Ok(PromptSize { prompt_tokens, context_tokens })
            }
            other => Err(misunderstood(&other)),
        }
    }

    /// What the model's chat template makes of a conversation. Loads the model.
    pub async fn apply_template(&self, model: &ModelId, chat: Chat) -> Result<RenderedPrompt, EngineError> {
        match self.ask_model(model, Question::Render(Box::new(chat))).await? {
            (Told::Rendered(prompt), _) => Ok(prompt),
            other => Err(misunderstood(&other)),
        }
    }

    /// The tokens of a text in which no control token is looked for. Loads the model.
    pub async fn tokenize(&self, model: &ModelId, text: String) -> Result<Vec<Token>, EngineError> {
        match self.ask_model(model, Question::Tokenize(text)).await? {
            (Told::Tokens(tokens), _) => Ok(tokens),
            other => Err(misunderstood(&other)),
        }
    }

    /// The text of tokens, that of control tokens included; what is no UTF-8 is replaced. Loads the model.
    pub async fn detokenize(&self, model: &ModelId, tokens: Vec<Token>) -> Result<String, EngineError> {
        match self.ask_model(model, Question::Detokenize(tokens)).await? {
            (Told::Text(text), _) => Ok(text),
            other => Err(misunderstood(&other)),
        }
    }

    /// Makes vectors of texts. Loads the model.
    pub async fn embed(&self, request: EmbedRequest) -> Result<Embeddings, EngineError> {
        request.check().map_err(|error| GenerationError::Unsupported { message: error.to_string() })?;
        let mut all = Embeddings { vectors: Vec::with_capacity(request.texts.len()), tokens: 0 };
        for texts in request.texts.chunks(EMBED_TEXTS) {
            let question = Question::Embed { texts: texts.to_vec(), pooling: request.pooling };
            match self.ask_model(&request.model, question).await? {
                (Told::Embedded(some), _) => {
                    all.tokens += some.tokens;
                    all.vectors.extend(some.vectors.into_iter().map(|vector| request.finished(vector)));
                }
                other => return Err(misunderstood(&other)),
            }
        }
        Ok(all)
    }

    /// Loads a model and waits until it is ready.
    pub async fn load(&self, model: &ModelId) -> Result<(), EngineError> {
        self.ask(|reply| Request::Load { model: model.clone(), reply }).await?
    }

    /// Lets a model finish its answers, unloads it and waits for that.
    pub async fn unload(&self, model: &ModelId) -> Result<(), EngineError> {
        let model = self.resolve(Some(model.as_str()))?;
        self.ask(|reply| Request::Unload { model, reply }).await
    }

    /// Forgets what was read for a user or a conversation, in all loaded models and on disk. Nothing that comes after it
    /// finds any of it; of an answer that is being given, what is left goes when it ends.
    pub async fn forget(&self, whose: Whose) {
        // Refused only where the workers are ending: what they write at last is found by [`Engine::kept`].
        let _ = self.ask(|reply| Request::Forget { whose, reply }).await;
        let state_dir = Arc::clone(&self.state_dir);
        let _ = tokio::task::spawn_blocking(move || sweeper::forget(&state_dir, whose)).await;
    }

    /// Whose states lie on disk.
    pub async fn kept(&self) -> BTreeSet<Whose> {
        let state_dir = Arc::clone(&self.state_dir);
        tokio::task::spawn_blocking(move || sweeper::kept(&state_dir)).await.unwrap_or_default()
    }

    /// Ends all answers with `ShuttingDown` and all workers, and returns when no process is left. May be called again.
    pub async fn shutdown(&self) {
        // Refused only when all is over.
        let _ = self.ask(|reply| Request::Shutdown { reply }).await;
    }

    async fn ask_model(&self, model: &ModelId, question: Question) -> Result<Heard, EngineError> {
        let model = model.clone();
        self.ask(|reply| Request::Ask { model, question, reply }).await?
    }

    async fn ask<T>(&self, request: impl FnOnce(oneshot::Sender<T>) -> Request) -> Result<T, EngineError> {
        let (reply, answer) = oneshot::channel();
        let sent = self.requests.send(request(reply)).await;
        sent.map_err(|_pool_gone| EngineError::ShuttingDown)?;
        answer.await.map_err(|_pool_gone| EngineError::ShuttingDown)
    }
}

fn misunderstood(told: &Heard) -> EngineError {
    GenerationError::Internal { message: format!("the model answered another question: {told:?}") }.into()
}
