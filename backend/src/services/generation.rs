//! Answers: from a kept request to a kept message, and to everybody who watches.
//!
//! ```text
//!  chat ──begin──→ runner ──text──→ journal ──after commit──→ live hub ──→ readers
//!                    │                  ↑                                    │
//!                  engine            database ←────── what a reader lacks ───┘
//! ```
//!
//! [`Generations`] is what the other services see. A runner belongs to no request and no reader: it lives on the
//! main runtime and ends by itself, by a stop, or with the process. In that case, and when the model's process dies,
//! another run goes on from the journal: the text stays, and the next token is the one that would have come.

mod accumulator;
mod backoff;
mod branch;
pub mod elsewhere;
mod failure;
mod job;
mod journal;
pub mod live;
mod merge;
mod meter;
mod model_file;
mod params;
mod progress;
pub mod reader;
mod registry;
mod request;
mod runner;

pub use job::{Beginning, Job, Work};
pub use params::Params;
pub use request::{CheckedRequest, StoredRequest};

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use engine::{Engine, ModelId};
use shared::{ApiError, FinishReason, GenerationId, Message, MessageId, StreamEvent, UserId};
use store::{Chunk, GenerationRow, GenerationStatus, ReplicaId, Store, StoreError};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::error::AppResult;
use elsewhere::{Follower, Hints, Lists, Orphaned};
use journal::Journal;
use live::LiveHub;
use model_file::ModelFiles;
use registry::Registry;

use super::traces::Traces;

/// A runner that is told to end writes what it has and is gone; longer than a restart of the database takes.
const SHUTDOWN_PATIENCE: Duration = Duration::from_secs(5);

/// The running answers of this replica. Cheap to clone.
#[derive(Clone)]
pub struct Generations {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    engine: Engine,
    traces: Traces,
    hub: LiveHub,
    hints: Hints,
    journal: Journal,
    follower: Follower,
    model_files: ModelFiles,
    registry: Registry,
    owner: ReplicaId,
    runtime: Handle,
    orphaned: Orphaned,
    lists: Lists,
    /// A query for what missed hints told is about to be made.
    reads_again: AtomicBool,
    closing: CancellationToken,
    /// Of the tasks that runners and readers need.
    upkeep: CancellationToken,
    runners: TaskTracker,
}

impl Generations {
    /// Begins to write journals for the replica `owner`, and to follow those of the others. All work is done on
    /// `runtime`, which must be the main one: it outlives every request.
    pub fn start(store: Store, engine: Engine, traces: Traces, owner: ReplicaId, runtime: Handle) -> Self {
        Self::start_polling(store, engine, traces, owner, runtime, Some(elsewhere::POLL_EVERY))
    }

    /// [`start`](Self::start), but answers of other replicas are asked for every `poll_every` where no hint comes; where
    /// that is none, hints alone are followed.
    pub fn start_polling(
        store: Store,
        engine: Engine,
        traces: Traces,
        owner: ReplicaId,
        runtime: Handle,
        poll_every: Option<Duration>,
    ) -> Self {
        let hub = LiveHub::default();
        let hints = Hints::default();
        let registry = Registry::default();
        let inner = Inner {
            journal: Journal::new(store.clone(), hub.clone(), hints.clone(), owner),
            follower: Follower::new(store.clone(), hub.clone(), registry.clone(), poll_every),
            store,
            engine,
            traces,
            hub,
            hints,
            model_files: ModelFiles::default(),
            registry,
            owner,
            runtime,
            orphaned: Orphaned::default(),
            lists: Lists::default(),
            reads_again: AtomicBool::new(false),
            closing: CancellationToken::new(),
            upkeep: CancellationToken::new(),
            runners: TaskTracker::new(),
        };
        let generations = Self { inner: Arc::new(inner) };
        generations.spawn_upkeep(generations.inner.journal.clone().run());
        generations.spawn_upkeep(generations.inner.follower.clone().run());
        generations.spawn_upkeep(elsewhere::listen(generations.clone()));
        generations.spawn_upkeep(elsewhere::send(generations.clone()));
        generations
    }

    /// Goes on until the last runner has ended.
    fn spawn_upkeep(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.inner.runtime.spawn(self.inner.upkeep.clone().run_until_cancelled_owned(work));
    }

    /// Does something that nobody waits for. It is given up when the server goes down.
    pub fn spawn_side_job(&self, job: impl Future<Output = ()> + Send + 'static) {
        let job = self.inner.closing.clone().run_until_cancelled_owned(job);
        self.inner.runners.spawn_on(job, &self.inner.runtime);
    }

    /// The database.
    pub fn store(&self) -> &Store {
        &self.inner.store
    }

    /// The models.
    pub fn engine(&self) -> &Engine {
        &self.inner.engine
    }

    /// What the models keep of people's words.
    pub fn traces(&self) -> &Traces {
        &self.inner.traces
    }

    /// Where readers hear what happens.
    pub fn hub(&self) -> &LiveHub {
        &self.inner.hub
    }

    /// What the other replicas should look at.
    pub fn hints(&self) -> &Hints {
        &self.inner.hints
    }

    /// The server that runs answers here.
    pub fn owner(&self) -> ReplicaId {
        self.inner.owner
    }

    /// Cancelled when the server goes down: streams end, nothing begins.
    pub fn closing(&self) -> &CancellationToken {
        &self.inner.closing
    }

    /// The main runtime.
    pub fn runtime(&self) -> &Handle {
        &self.inner.runtime
    }

    /// Runs an answer to its end. Nothing happens where it runs already.
    pub fn begin(&self, job: Job) {
        if let Some(seat) = self.inner.registry.take(job.claim.generation_id, job.claim.epoch) {
            self.inner.runners.spawn_on(runner::run(self.clone(), seat, job), &self.inner.runtime);
        }
    }

    /// Runs an answer whose sender went away between keeping and beginning it. Nothing happens to any other.
    pub async fn adopt(&self, user: UserId, id: GenerationId) -> AppResult<()> {
        let row = self.inner.store.generation(user, id).await?;
        if row.status == GenerationStatus::Queued && row.owner == self.inner.owner {
            self.begin(Job::claimed(&row));
        }
        Ok(())
    }

    /// Goes on with an answer that this replica has just claimed: its own of an earlier process, or one whose owner's
    /// lease is over. A runner of an earlier epoch that is still here is told that it lost, and leaves first.
    pub fn resume(&self, row: GenerationRow) {
        let (generations, job) = (self.clone(), Job::claimed(&row));
        let running = async move {
            let registry = &generations.inner.registry;
            let seat = registry.take_over(job.claim.generation_id, job.claim.epoch).await;
            if let Some(seat) = seat {
                runner::run(generations, seat, job).await;
            }
        };
        self.inner.runners.spawn_on(running, &self.inner.runtime);
    }

    /// The model that an answer was begun with: its tokens mean nothing to any other.
    ///
    /// # Errors
    /// What to do where the model is gone, or its file is another one.
    pub async fn same_model(&self, params: &Params) -> Result<ModelId, ApiError> {
        let inner = &self.inner;
        let Ok(model) = inner.engine.resolve(Some(&params.model)) else {
            return Err(failure::model_missing(&params.model));
        };
        let file = inner.model_files.hash(&inner.engine, &model).await;
        match (&params.file, &file) {
            (Some(then), Some(now)) if then != now => Err(failure::model_replaced(&params.model)),
            _ => Ok(model),
        }
    }

    /// Ends an answer that runs here as stopped; the request must be recorded already.
    pub fn stop_here(&self, id: GenerationId) {
        self.inner.registry.stop(id);
    }

    /// Bytes of text of all answers that are not in the journal yet: much only while the database is away, and then at
    /// most some hundred KiB for each answer, which pauses.
    pub fn held_bytes(&self) -> usize {
        self.inner.journal.held_bytes()
    }

    /// Bounds [`held_bytes`](Self::held_bytes) for each answer, instead of the usual 256 KiB: for tests, since a scripted
    /// answer takes minutes to fill that.
    pub fn hold_at_most(&self, bytes: usize) {
        self.inner.journal.hold_at_most(bytes);
    }

    /// Gives a running answer its text so far.
    pub async fn fill_in(&self, user: UserId, message: &mut Message) -> AppResult<()> {
        let Some(id) = message.generation_id else { return Ok(()) };
        let snapshot = self.inner.store.snapshot(user, id).await?;
        if snapshot.generation.status.is_unfinished() {
            message.content = snapshot.assembled.text;
            message.reasoning = snapshot.assembled.reasoning;
            message.code_blocks = shared::CodeBlock::extract(&message.content);
        } else {
            *message = self.inner.store.message(user, message.id).await?;
        }
        Ok(())
    }

    /// Goes on with what an earlier process of this replica left behind; tells how many answers. To be called once,
    /// before the first request.
    pub async fn recover(&self) -> Result<usize, StoreError> {
        let left = self.inner.store.claim_own_generations(self.inner.owner).await?;
        let count = left.len();
        left.into_iter().for_each(|row| self.resume(row));
        if count > 0 {
            tracing::info!(count, "going on with answers that the last process left unfinished");
        }
        Ok(count)
    }

    /// Goes on with answers of this replica that nobody here runs: the database had kept or claimed them, and its answer
    /// was lost. To be called every few seconds; `suspects` are what was found the last time, because the runner of an
    /// answer that was kept just now may not have begun.
    pub async fn take_up_forgotten(&self, suspects: &mut BTreeSet<GenerationId>) {
        let (store, owner) = (&self.inner.store, self.inner.owner);
        let found = async {
            let owned = store.owned_generations(owner).await?;
            let idle: BTreeSet<GenerationId> =
                owned.into_iter().filter(|id| !self.inner.registry.is_running(*id)).collect();
            let forgotten: Vec<GenerationId> = idle.intersection(suspects).copied().collect();
            *suspects = idle;
            match forgotten.is_empty() {
                true => Ok(Vec::new()),
                false => store.claim_forgotten_generations(owner, &forgotten).await,
            }
        };
        let found: Result<_, StoreError> = found.await;
        match found {
            Ok(_) if self.inner.closing.is_cancelled() => {}
            Ok(rows) => {
                for row in rows {
                    tracing::warn!(generation = %row.id, "going on with an answer that was forgotten");
                    self.resume(row);
                }
            }
            Err(error) => tracing::debug!(%error, "cannot ask for answers that were forgotten"),
        }
    }

    /// Tells all streams to reconnect, ends the runners and writes their text. Their answers stay unfinished:
    /// another replica, or [`recover`](Self::recover) after the restart, goes on with them.
    pub async fn shutdown(&self) {
        self.inner.closing.cancel();
        self.inner.runners.close();
        if tokio::time::timeout(SHUTDOWN_PATIENCE, self.inner.runners.wait()).await.is_err() {
            tracing::warn!(
                left = self.inner.runners.len(),
                "answers could not be written to their end in time"
            );
        }
        self.inner.upkeep.cancel();
    }
}

/// A chunk of the journal as readers get it.
fn chunk_event(generation_id: GenerationId, message_id: MessageId, chunk: Chunk) -> StreamEvent {
    StreamEvent::Delta {
        generation_id,
        message_id,
        epoch: chunk.epoch,
        seq: chunk.seq,
        byte_offset: chunk.byte_offset,
        kind: chunk.kind,
        text: chunk.body,
    }
}

/// How the end of an answer is told to its readers.
fn end_event(id: GenerationId, message: &Message) -> StreamEvent {
    match &message.error {
        Some(error) => StreamEvent::Error { generation_id: Some(id), error: error.clone() },
        None => StreamEvent::Done {
            generation_id: id,
            message_id: message.id,
            finish_reason: message.finish_reason.unwrap_or(FinishReason::Stop),
            usage: message.usage.unwrap_or_default(),
        },
    }
}
