//! One model of the pool: where it is, who waits for it, who is being answered.

use std::collections::{BTreeMap, VecDeque};
use std::mem;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use self::plan::Prepared;
use super::Heard;
use super::board::Board;
use super::process::Worker;
use crate::containment::Containment;
use crate::decoder::{LoadRequest, ModelFacts};
use crate::mailbox::{GenerationKey, Outlet};
use crate::memory::Needs;
use crate::question::Question;
use crate::{
    EngineConfig, EngineError, GenerateRequest, GenerationError, GenerationEvent, LoadStage, ModelId,
    ModelInfo, ModelMemory, ModelSettings, ModelState, catalog,
};

/// A worker that owes an answer and says nothing for so long hangs: even a machine that swaps finishes a step in that time.
const SILENCE_MAX: Duration = Duration::from_secs(120);
/// How long an answer is taken to last before one was measured, to say when to try again.
const ANSWER_GUESS: Duration = Duration::from_secs(10);

mod failing;
mod plan;

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
    /// What is set for it, as far as it follows that.
    settings: Result<ModelSettings, String>,
    /// What its worker is to load; a sentence where the model's settings cannot be understood.
    pub(super) plan: Result<LoadRequest, String>,
    /// None where the header was wrong at the start.
    needs: Option<Needs>,
    pub(super) memory: ModelMemory,
    pub(super) facts: Option<ModelFacts>,
    /// Loaded at the start and never unloaded by itself.
    pub(super) is_pinned: bool,
    /// Pinned, but unloaded on request: it waits until it is asked for.
    pub(super) is_let_go: bool,
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
    pub(super) fn new(found: catalog::Found, config: &EngineConfig, now: Instant) -> Self {
        let of_model = (&found.id, found.path.as_path(), found.size_bytes);
        let prepared = Prepared::new(of_model, found.header.as_ref().ok(), &found.settings, config);
        let Prepared { plan, needs, estimated, is_pinned } = prepared;
        let fault = found.header.err().map(|error| error.to_string());
        let state = match fault.or_else(|| plan.as_ref().err().cloned()) {
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
            settings: found.settings,
            plan,
            needs,
            memory: ModelMemory { estimated, measured: None },
            facts: None,
            is_pinned,
            is_let_go: false,
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
            is_pinned: self.is_pinned,
            memory: self.memory,
        }
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
}

impl Job {
    /// Whether nobody waits for it any longer.
    pub(super) fn is_abandoned(&self) -> bool {
        match self {
            // Its consumer tells by a wish.
            Self::Answer(_) => false,
            Self::Ask { reply, .. } => reply.is_closed(),
            Self::Load { reply } => reply.is_closed(),
        }
    }

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
