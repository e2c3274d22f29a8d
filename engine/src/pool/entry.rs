//! One model of the pool: where it is, who waits for it, who is being answered.

use std::collections::{BTreeMap, VecDeque};
use std::mem;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::Heard;
use super::board::Board;
use super::process::Worker;
use crate::containment::Containment;
use crate::decoder::{LoadRequest, ModelFacts};
use crate::gguf::Header;
use crate::mailbox::{GenerationKey, Outlet};
use crate::question::Question;
use crate::{
    EngineConfig, EngineError, GenerateRequest, GenerationError, GenerationEvent, LoadStage, MemoryUse,
    ModelId, ModelInfo, ModelSettings, ModelState, StateBudget, catalog,
};

/// The first pause after a model failed to load or its process died again; it doubles with each further time.
const BACK_OFF: Duration = Duration::from_secs(1);
/// The longest pause: a person who has repaired the file should not wait for long.
const BACK_OFF_MAX: Duration = Duration::from_secs(60);
/// Deaths in a row, while loading or before the first word of any answer, after which a model is considered broken for a
/// while. So many may be accidents.
const DEATHS_MAX: u32 = 2;
/// Failures further apart than this have nothing to do with each other. Longer than the longest pause and the loading
/// after it, or a broken model would begin anew each time.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(600);
/// A worker that owes an answer and says nothing for so long hangs: even a machine that swaps finishes a step in that time.
const SILENCE_MAX: Duration = Duration::from_secs(120);
/// How long an answer is taken to last before one was measured, to say when to try again.
const ANSWER_GUESS: Duration = Duration::from_secs(10);
/// Slots' share of the cache where the header does not tell, as bytes per token: that of a model of a few billion
/// parameters.
const CACHE_GUESS_BYTES_PER_TOKEN: u64 = 128 * 1024;
/// What a worker takes beside weights and cache.
const WORKER_BYTES: u64 = 128 * 1024 * 1024;

/// What may be asked of a model.
#[derive(Debug)]
pub(super) enum Job {
    Answer(Box<Answer>),
    Ask { key: GenerationKey, question: Question, reply: AskReply },
    Load { reply: oneshot::Sender<Result<(), EngineError>> },
}

pub(super) type AskReply = oneshot::Sender<Result<Heard, EngineError>>;

/// A request for an answer that waits for its model.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) key: GenerationKey,
    pub(super) request: GenerateRequest,
    pub(super) outlet: Outlet,
    pub(super) asked_at: Instant,
}

/// An answer that the worker is at.
#[derive(Debug)]
pub(super) struct Active {
    pub(super) user: u128,
    pub(super) outlet: Outlet,
    pub(super) asked_at: Instant,
    pub(super) sent_at: Instant,
    /// Its consumer is behind, and nothing is expected of the worker.
    pub(super) is_paused: bool,
}

/// Where a model is: as [`crate::ModelState`], with what belongs to it. The transitions are drawn there.
#[derive(Debug)]
pub(super) enum State {
    Unloaded,
    Loading {
        worker: Worker,
        stage: LoadStage,
        fraction: f32,
    },
    Ready {
        worker: Worker,
    },
    Draining {
        worker: Worker,
    },
    /// Not to be tried again before `retry_at`.
    Failed {
        error: GenerationError,
        retry_at: Instant,
    },
}

/// One model.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) id: ModelId,
    pub(super) name: String,
    pub(super) path: PathBuf,
    pub(super) size_bytes: u64,
    pub(super) cache_bytes_per_token: u64,
    pub(super) trained_tokens: Option<u32>,
    /// A sentence where they cannot be understood.
    settings: Result<ModelSettings, String>,
    pub(super) facts: Option<ModelFacts>,
    /// As it was measured when the model was loaded last.
    pub(super) measured: Option<MemoryUse>,
    /// Of the last worker.
    pub(super) containment: Option<Containment>,
    state: State,
    is_default: bool,
    /// Where its state can be seen, and at which index.
    board: Option<(Arc<Board>, usize)>,
    /// Since when the first of `waiting` waits.
    pub(super) waiting_since: Instant,
    pub(super) waiting: VecDeque<Job>,
    pub(super) active: BTreeMap<GenerationKey, Active>,
    pub(super) asked: BTreeMap<GenerationKey, AskReply>,
    /// Waits until it is unloaded.
    pub(super) unloads: Vec<oneshot::Sender<()>>,
    pub(super) last_used: Instant,
    /// When the worker last said something, or was asked after a rest.
    pub(super) heard_at: Instant,
    /// Failed loads and deaths since it last did something right, which the first word of any answer is.
    failures: u32,
    failed_at: Instant,
    answer_time: Duration,
}

impl Entry {
    pub(super) fn new(found: catalog::Found, now: Instant) -> Self {
        let cache = found.header.as_ref().ok().and_then(Header::cache_bytes_per_token);
        let trained_tokens = found.header.as_ref().ok().and_then(Header::context_tokens);
        let fault = found.header.err().map(|error| error.to_string());
        let state = match fault.or_else(|| found.settings.as_ref().err().cloned()) {
            None => State::Unloaded,
            Some(message) => {
                State::Failed { error: GenerationError::ModelUnusable { message }, retry_at: now }
            }
        };
        Self {
            id: found.id,
            name: found.name,
            path: found.path,
            size_bytes: found.size_bytes,
            cache_bytes_per_token: cache.unwrap_or(CACHE_GUESS_BYTES_PER_TOKEN),
            trained_tokens,
            settings: found.settings,
            facts: None,
            measured: None,
            containment: None,
            state,
            is_default: false,
            board: None,
            waiting_since: now,
            waiting: VecDeque::new(),
            active: BTreeMap::new(),
            asked: BTreeMap::new(),
            unloads: Vec::new(),
            last_used: now,
            heard_at: now,
            failures: 0,
            failed_at: now,
            answer_time: ANSWER_GUESS,
        }
    }

    pub(super) fn is_usable(&self) -> bool {
        !matches!(self.state, State::Failed { .. })
    }

    /// Used where a request names no model.
    pub(super) fn make_default(&mut self) {
        self.is_default = true;
    }

    /// From now on every change of state is seen there, before anybody is told of it.
    pub(super) fn appear_on(&mut self, board: Arc<Board>, index: usize) {
        self.board = Some((board, index));
    }

    /// The model as everybody sees it.
    pub(super) fn info(&self) -> ModelInfo {
        ModelInfo {
            id: self.id.clone(),
            name: self.name.clone(),
            path: self.path.clone(),
            size_bytes: self.size_bytes,
            context_tokens: self.facts.as_ref().map(|facts| facts.context_tokens),
            containment: self.containment.clone(),
            state: match &self.state {
                State::Unloaded => ModelState::Unloaded,
                State::Loading { stage, fraction, .. } => {
                    ModelState::Loading { stage: *stage, fraction: *fraction }
                }
                State::Ready { .. } => ModelState::Ready,
                State::Draining { .. } => ModelState::Draining,
                State::Failed { error, .. } => ModelState::Failed { message: error.to_string() },
            },
            is_default: self.is_default,
        }
    }

    /// What a worker is to load; a sentence where the model's settings cannot be understood.
    pub(super) fn load_request(&self, config: &EngineConfig) -> Result<LoadRequest, String> {
        let settings = self.settings.clone()?;
        Ok(LoadRequest {
            path: self.path.clone(),
            slots: settings.slots.unwrap_or(config.slots),
            context_tokens: settings.context_tokens.or(config.context_tokens),
            threads: settings.threads.or(config.threads),
            batch_threads: settings.batch_threads.or(config.threads),
            cache_type_k: settings.cache_type_k,
            cache_type_v: settings.cache_type_v,
            flash_attention: settings.flash_attention,
            lora: settings.lora,
            draft_model: settings.draft_model,
            speculation: settings.speculation,
            states: StateBudget {
                directory: config.state_dir.join(format!("states-{}", self.id)),
                memory_bytes: config.states_memory_bytes,
                disk_bytes: config.states_disk_bytes,
            },
        })
    }

    pub(super) fn state(&self) -> &State {
        &self.state
    }

    /// Goes to another state; what is left of the old one is dropped, and a worker with it killed.
    pub(super) fn enter(&mut self, state: State) {
        self.state = state;
        if let Some((board, index)) = &self.board {
            board.publish(*index, self.info());
        }
    }

    /// Goes to a state made of the one that it is in.
    pub(super) fn change(&mut self, change: impl FnOnce(State) -> State) {
        let state = mem::replace(&mut self.state, State::Unloaded);
        self.enter(change(state));
    }

    /// Requests that wait or are being answered.
    pub(super) fn load(&self) -> usize {
        self.waiting.len() + self.active.len() + self.asked.len()
    }

    /// Whether a request of this user waits or is being answered.
    pub(super) fn serves(&self, user: u128) -> bool {
        let waits = |job: &Job| matches!(job, Job::Answer(answer) if answer.request.user == user);
        self.active.values().any(|active| active.user == user) || self.waiting.iter().any(waits)
    }

    pub(super) fn is_busy(&self) -> bool {
        !self.active.is_empty() || !self.asked.is_empty()
    }

    /// Whether the worker owes somebody news: an answer that is paused brings none.
    pub(super) fn owes_news(&self) -> bool {
        !self.asked.is_empty() || self.active.values().any(|active| !active.is_paused)
    }

    /// When a worker that owes news will have been silent for too long.
    pub(super) fn silence_deadline(&self) -> Option<Instant> {
        self.owes_news().then(|| self.heard_at + SILENCE_MAX)
    }

    pub(super) fn worker(&self) -> Option<&Worker> {
        match &self.state {
            State::Loading { worker, .. } | State::Ready { worker } | State::Draining { worker } => {
                Some(worker)
            }
            State::Unloaded | State::Failed { .. } => None,
        }
    }

    /// Ends the input of the worker, which finishes its step and goes.
    pub(super) fn end_input(&mut self) {
        match &mut self.state {
            State::Loading { worker, .. } | State::Ready { worker } | State::Draining { worker } => {
                worker.end_input();
            }
            State::Unloaded | State::Failed { .. } => {}
        }
    }

    /// Memory that the model takes when loaded with `slots` of `context_tokens`: an estimate from above.
    pub(super) fn memory_bytes(&self, slots: u32, context_tokens: Option<u32>) -> u64 {
        let context_tokens = context_tokens.unwrap_or(self.trained_tokens.unwrap_or(8_192).min(8_192));
        let cached_tokens = u64::from(slots) * u64::from(context_tokens);
        let cache = self.cache_bytes_per_token.saturating_mul(cached_tokens);
        self.size_bytes.saturating_add(cache).saturating_add(WORKER_BYTES)
    }

    /// When it is worth trying again while the queue is full: when the time of one answer has passed.
    pub(super) fn retry_after_s(&self) -> u32 {
        self.answer_time.as_secs().clamp(1, 60) as u32
    }

    /// The model has answered a prompt with a first word: it can.
    pub(super) fn note_step(&mut self) {
        self.failures = 0;
    }

    /// An answer has ended well, `took` after the worker got it.
    pub(super) fn note_answer(&mut self, took: Duration) {
        self.failures = 0;
        self.answer_time = (self.answer_time * 3 + took) / 4;
    }

    /// Everybody who waits fails for the same reason.
    pub(super) fn fail_waiting(&mut self, error: &GenerationError) {
        for job in mem::take(&mut self.waiting) {
            job.fail(error.clone());
        }
    }

    /// Everybody whom the worker was at fails for the same reason.
    pub(super) fn fail_active(&mut self, error: &GenerationError) {
        for active in mem::take(&mut self.active).into_values() {
            tell(&active.outlet, GenerationEvent::Failed(error.clone()));
        }
        for reply in mem::take(&mut self.asked).into_values() {
            let _ = reply.send(Err(error.clone().into()));
        }
    }

    /// Notes that the model could not be loaded, and until when not to try again.
    pub(super) fn fail(&mut self, message: String, now: Instant) {
        self.note_failure(now);
        self.rest(GenerationError::ModelUnusable { message }, now);
    }

    fn note_failure(&mut self, now: Instant) {
        let is_forgotten = now.saturating_duration_since(self.failed_at) > FORGOTTEN_AFTER;
        self.failures = if is_forgotten { 1 } else { self.failures + 1 };
        self.failed_at = now;
    }

    fn rest(&mut self, error: GenerationError, now: Instant) {
        tracing::warn!(model = %self.id, %error, "the model cannot be used for now");
        let retry_at = now + self.back_off();
        self.enter(State::Failed { error: error.clone(), retry_at });
        self.fail_active(&error);
        self.fail_waiting(&error);
    }

    /// Notes that the process ended by itself, which it did as `how` says. Those who still wait get a new one, unless it
    /// has happened too often. One that nobody had asked for anything counts as an accident.
    pub(super) fn die(&mut self, how: &str, now: Instant) {
        let is_loading = matches!(self.state(), State::Loading { .. });
        if is_loading || self.is_busy() {
            self.note_failure(now);
        }
        self.enter(State::Unloaded);
        self.fail_active(&GenerationError::WorkerDied);
        if self.failures <= DEATHS_MAX {
            return;
        }
        let deaths = self.failures;
        let error = if is_loading {
            let message = format!(
                "the model's process ended while loading ({how}), {deaths} times in a row: the file may be damaged \
                 or the memory too small"
            );
            GenerationError::ModelUnusable { message }
        } else {
            let message = format!(
                "the model's process died {deaths} times in a row; it is started again after a pause"
            );
            GenerationError::ModelResting { message }
        };
        self.rest(error, now);
    }

    fn back_off(&self) -> Duration {
        let doublings = self.failures.saturating_sub(1).min(6);
        (BACK_OFF * 2_u32.pow(doublings)).min(BACK_OFF_MAX)
    }
}

impl Job {
    pub(super) fn fail(self, error: GenerationError) {
        match self {
            Self::Answer(answer) => tell(&answer.outlet, GenerationEvent::Failed(error)),
            Self::Ask { reply, .. } => {
                let _ = reply.send(Err(error.into()));
            }
            Self::Load { reply } => {
                let _ = reply.send(Err(error.into()));
            }
        }
    }
}

/// For events that end an answer or are too small to overfill a mailbox.
pub(super) fn tell(outlet: &Outlet, event: GenerationEvent) {
    let _ = outlet.push(event);
}

#[cfg(test)]
mod tests;
