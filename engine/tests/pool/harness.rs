//! An engine over a directory of scripted models.
#![expect(clippy::unwrap_used, reason = "what does not work here fails the test")]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use engine::scripted::ScriptedModel;
use engine::{
    ChatMessage, ChatRole, Engine, EngineConfig, GenerateRequest, Generation, GenerationError,
    GenerationEvent, ModelInfo, ModelState, Priority, SamplingOptions, SamplingParams, Token, Usage,
};
use engine::{EngineError, FinishReason};
use tempfile::TempDir;

/// Nothing here takes a second; so long and it never comes.
const PATIENCE: Duration = Duration::from_secs(30);

pub const WORKER: &str = env!("CARGO_BIN_EXE_oriel-engine-scripted");

/// An engine, and the directory that it lives in.
pub struct Rig {
    pub engine: Engine,
    pub directory: TempDir,
}

/// Waits, but not for ever.
pub async fn within<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, what).await.expect("it never comes")
}

pub fn config(directory: &Path) -> EngineConfig {
    let (models, state) = (directory.join("models"), directory.join("state"));
    EngineConfig { slots: 2, queue_capacity: 8, ..EngineConfig::new(WORKER, models, state) }
}

/// A model that takes somewhat more than a gigabyte with the slots of [`config`].
pub fn heavy() -> ScriptedModel {
    ScriptedModel { cache_bytes_per_token: 128 * 1024, ..ScriptedModel::default() }
}

/// A budget for one model that is [`heavy`], and some light ones.
pub const ROOM_FOR_ONE: u64 = 2_000_000_000;

/// An engine over these models, by file stem.
pub fn rig(models: &[(&str, ScriptedModel)], change: impl FnOnce(&mut EngineConfig)) -> Rig {
    let directory = tempfile::tempdir().unwrap();
    let mut config = config(directory.path());
    fs::create_dir_all(&config.model_path).unwrap();
    for (stem, model) in models {
        model.write(&config.model_path.join(format!("{stem}.gguf"))).unwrap();
    }
    change(&mut config);
    Rig { engine: Engine::start(config).unwrap(), directory }
}

/// One model called `one` that works at once.
pub fn simple() -> Rig {
    rig(&[("one", ScriptedModel::default())], |_| {})
}

pub fn asks(text: &str) -> Vec<ChatMessage> {
    vec![ChatMessage::new(ChatRole::User, text)]
}

pub fn sampling() -> SamplingParams {
    SamplingOptions { seed: Some(7), ..SamplingOptions::default() }.check().unwrap()
}

/// All that an answer told.
#[derive(Debug, Default)]
pub struct Told {
    pub text: String,
    pub tokens: Vec<Token>,
    pub events: Vec<GenerationEvent>,
}

impl Told {
    pub fn done(&self) -> (FinishReason, Usage) {
        match self.events.last() {
            Some(GenerationEvent::Done { reason, usage }) => (*reason, *usage),
            other => panic!("it did not end well: {other:?}"),
        }
    }

    /// The prompt as the model read it.
    pub fn prompt(&self) -> Vec<Token> {
        let prompt = self.events.iter().find_map(|event| match event {
            GenerationEvent::Prompt { tokens, .. } => Some(tokens.clone()),
            _ => None,
        });
        prompt.unwrap()
    }

    pub fn error(&self) -> &GenerationError {
        match self.events.last() {
            Some(GenerationEvent::Failed(error)) => error,
            other => panic!("it did not fail: {other:?}"),
        }
    }
}

/// Reads an answer to its end, which comes once.
pub async fn read(generation: &mut Generation) -> Told {
    let mut told = Told::default();
    while let Some(event) = within(generation.next()).await {
        if let GenerationEvent::Text { text, tokens, .. } = &event {
            told.text.push_str(text);
            told.tokens.extend(tokens);
        }
        told.events.push(event);
    }
    let ends = told.events.iter().filter(|event| event.is_end()).count();
    assert_eq!(ends, 1, "{:?}", told.events);
    told
}

/// Reads up to the first text.
pub async fn first_text(generation: &mut Generation) -> String {
    while let Some(event) = within(generation.next()).await {
        if let GenerationEvent::Text { text, .. } = event {
            return text;
        }
        assert!(!event.is_end(), "it ended: {event:?}");
    }
    panic!("it ended without a word");
}

impl Rig {
    pub fn request(&self, model: &str, text: &str) -> GenerateRequest {
        GenerateRequest {
            model: self.engine.resolve(Some(model)).unwrap(),
            user: 1,
            conversation: None,
            prompt: asks(text).into(),
            sampling: sampling(),
            answer_so_far: Vec::new(),
            priority: Priority::Chat,
        }
    }

    pub async fn try_ask(&self, model: &str, text: &str) -> Result<Generation, EngineError> {
        within(self.engine.generate(self.request(model, text))).await
    }

    pub async fn ask(&self, model: &str, text: &str) -> Generation {
        self.try_ask(model, text).await.unwrap()
    }

    pub async fn answer(&self, model: &str, text: &str) -> Told {
        read(&mut self.ask(model, text).await).await
    }

    pub fn model(&self, id: &str) -> ModelInfo {
        self.engine.models().into_iter().find(|model| model.id.as_str() == id).unwrap()
    }

    pub async fn until_state(&self, id: &str, wanted: impl Fn(&ModelState) -> bool) {
        let mut news = self.engine.watch_models();
        within(async {
            while !wanted(&self.model(id).state) {
                news.changed().await.unwrap();
            }
        })
        .await;
    }

    /// The worker processes of this engine: those that live in its state directory.
    pub fn workers(&self) -> Vec<PathBuf> {
        workers_in(&self.directory.path().join("state"))
    }

    /// Kills the only one.
    pub fn kill_worker(&self) {
        let workers = self.workers();
        let [worker] = workers.as_slice() else { panic!("not one worker: {workers:?}") };
        rustix::process::kill_process(pid(worker), rustix::process::Signal::KILL).unwrap();
    }
}

/// The `/proc` directories of the processes whose working directory this is.
pub fn workers_in(state: &Path) -> Vec<PathBuf> {
    let state = state.canonicalize().unwrap();
    let processes = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok().map(|entry| entry.path()));
    processes.filter(|process| fs::read_link(process.join("cwd")).is_ok_and(|cwd| cwd == state)).collect()
}

pub fn pid(process: &Path) -> rustix::process::Pid {
    let number = process.file_name().unwrap().to_str().unwrap().parse().unwrap();
    rustix::process::Pid::from_raw(number).unwrap()
}
