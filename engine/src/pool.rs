//! The pool: one task that owns all models, starts and ends their workers, and hands events to their consumers. It
//! never waits for a consumer or a worker, only for news.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use crate::catalog::Found;
use crate::mailbox::{GenerationKey, Mailbox, Wish, Wishes};
use crate::question::{Question, Told};
use crate::settings::SettingsFile;
use crate::{EngineConfig, EngineError, GenerateRequest, Generation, GenerationError, ModelId, Whose};
pub(crate) use board::Board;
use entry::{Answer, Entry, Job};
use process::{Spec, What, Worker, WorkerId, WorkerNews};

mod board;
mod entry;
mod process;
mod room;
pub(crate) mod sweeper;
mod talk;

/// News of workers that may wait for the pool. It only bounds how far a worker can run ahead.
const NEWS_CAPACITY: usize = 256;
/// Requests that may wait for the pool, which takes them at once.
pub(crate) const REQUESTS_CAPACITY: usize = 64;

/// What a model told, and how many tokens prompt and answer may have together.
pub(crate) type Heard = (Told, u32);

/// What the pool may be asked.
#[derive(Debug)]
pub(crate) enum Request {
    Generate { request: Box<GenerateRequest>, reply: oneshot::Sender<Result<Generation, EngineError>> },
    Ask { model: ModelId, question: Question, reply: oneshot::Sender<Result<Heard, EngineError>> },
    Load { model: ModelId, reply: oneshot::Sender<Result<(), EngineError>> },
    Unload { model: ModelId, reply: oneshot::Sender<()> },
    Forget { whose: Whose, reply: oneshot::Sender<()> },
    Shutdown { reply: oneshot::Sender<()> },
}

/// All models. Lives until it is shut down or the last [`crate::Engine`] is dropped.
#[derive(Debug)]
pub(crate) struct Pool {
    config: EngineConfig,
    entries: Vec<Entry>,
    settings: SettingsFile,
    board: Arc<Board>,
    wishes: Arc<Wishes>,
    news_sender: mpsc::Sender<WorkerNews>,
    news: mpsc::Receiver<WorkerNews>,
    /// Processes that have not been waited for.
    alive: usize,
    last_key: GenerationKey,
    last_worker: WorkerId,
    /// Who waits for the end; none while it is not near.
    closing: Option<Vec<oneshot::Sender<()>>>,
}

impl Pool {
    pub(crate) fn new(config: EngineConfig, found: Vec<Found>, settings: SettingsFile) -> Self {
        let now = Instant::now();
        let (news_sender, news) = mpsc::channel(NEWS_CAPACITY);
        let mut entries: Vec<Entry> =
            found.into_iter().map(|found| Entry::new(found, &config, now)).collect();
        room::refuse_what_never_fits(&mut entries, config.memory_budget_bytes, now);
        // A person who names no model means one that works.
        let default = entries.iter().position(Entry::is_usable).unwrap_or(0);
        if let Some(entry) = entries.get_mut(default) {
            entry.make_default();
        }
        let board = Arc::new(Board::new(entries.iter().map(Entry::info).collect()));
        for (index, entry) in entries.iter_mut().enumerate() {
            entry.appear_on(Arc::clone(&board), index);
        }
        Self {
            config,
            entries,
            settings,
            board,
            wishes: Arc::default(),
            news_sender,
            news,
            alive: 0,
            last_key: 0,
            last_worker: 0,
            closing: None,
        }
    }

    pub(crate) fn board(&self) -> Arc<Board> {
        Arc::clone(&self.board)
    }

    /// Serves until the end.
    pub(crate) async fn run(mut self, mut requests: mpsc::Receiver<Request>) {
        let wishes = Arc::clone(&self.wishes);
        let mut has_clients = true;
        // Pinned models do not wait to be asked for.
        self.advance(Instant::now());
        while self.closing.is_none() || self.alive > 0 {
            let deadline = self.next_deadline();
            tokio::select! {
                request = requests.recv(), if has_clients => match request {
                    Some(request) => self.serve(request),
                    None => {
                        has_clients = false;
                        self.close();
                    }
                },
                Some(news) = self.news.recv() => self.hear(news),
                wishes = wishes.take() => wishes.into_iter().for_each(|wish| self.grant(wish)),
                () = tokio::time::sleep_until(deadline) => {}
            }
            self.advance(Instant::now());
        }
        for reply in self.closing.into_iter().flatten() {
            let _ = reply.send(());
        }
    }

    fn serve(&mut self, request: Request) {
        self.follow_settings();
        match request {
            Request::Shutdown { reply } => {
                self.close();
                self.closing.get_or_insert_default().push(reply);
            }
            // Dropped without an answer: the caller takes that for a shutdown.
            _ if self.closing.is_some() => {}
            Request::Generate { request, reply } => {
                let _ = reply.send(self.generate(*request));
            }
            Request::Ask { model, question, reply } => {
                let key = self.new_key();
                match self.entry_with_room(&model, None) {
                    Ok(entry) => entry.ask(Job::Ask { key, question, reply }),
                    Err(error) => drop(reply.send(Err(error))),
                }
            }
            Request::Forget { whose, reply } => {
                self.entries.iter_mut().for_each(|entry| entry.forget(whose));
                let _ = reply.send(());
            }
            Request::Load { model, reply } => match self.entry_with_room(&model, None) {
                Ok(entry) => entry.ask(Job::Load { reply }),
                Err(error) => drop(reply.send(Err(error))),
            },
            Request::Unload { model, reply } => {
                if let Some(entry) = self.entries.iter_mut().find(|entry| entry.id == model) {
                    entry.let_go(reply);
                }
            }
        }
    }

    /// Looks whether the file of settings has changed. A model without a process follows it at once, another one when it is
    /// next loaded.
    fn follow_settings(&mut self) {
        if self.settings.refresh() {
            self.board.complain(self.settings.complaint());
            for entry in &mut self.entries {
                entry.follow(self.settings.of(entry.id.as_str()), &self.config);
            }
        }
    }

    fn generate(&mut self, request: GenerateRequest) -> Result<Generation, EngineError> {
        let key = self.new_key();
        let wishes = Arc::clone(&self.wishes);
        let entry = self.entry_with_room(&request.model, Some(request.user))?;
        let (outlet, mailbox) = Mailbox::new(key, wishes);
        entry.ask(Job::Answer(Box::new(Answer { key, request, outlet, asked_at: Instant::now() })));
        Ok(Generation::new(mailbox))
    }

    /// The model, if it takes another request. One user cannot keep all others out: whoever has no request there yet
    /// finds room up to twice the usual bound.
    fn entry_with_room(&mut self, model: &ModelId, user: Option<u128>) -> Result<&mut Entry, EngineError> {
        let entry = self.entries.iter_mut().find(|entry| entry.id == *model);
        let entry = entry.ok_or_else(|| EngineError::UnknownModel { id: model.to_string() })?;
        let places = entry.places(&self.config);
        let is_new = user.is_some_and(|user| !entry.serves(user));
        if entry.load() < places || (is_new && entry.load() < 2 * places) {
            Ok(entry)
        } else {
            Err(EngineError::Overloaded { retry_after_s: entry.retry_after_s() })
        }
    }

    fn new_key(&mut self) -> GenerationKey {
        self.last_key += 1;
        self.last_key
    }

    /// Does what a consumer wants of its answer, wherever that is.
    fn grant(&mut self, wish: Wish) {
        for entry in &mut self.entries {
            let was_its = match wish {
                Wish::Stop(key) => entry.stop(key),
                Wish::Resume(key) => entry.resume(key),
            };
            if was_its {
                return;
            }
        }
    }

    fn hear(&mut self, WorkerNews { worker, what }: WorkerNews) {
        self.alive -= usize::from(matches!(what, What::Gone(_)));
        let is_its = |entry: &&mut Entry| entry.worker().is_some_and(|current| current.id == worker);
        // A worker that was given up may still talk.
        let Some(entry) = self.entries.iter_mut().find(is_its) else { return };
        match what {
            What::Said(event) => entry.hear(event),
            What::Gone(exit) => entry.lose_worker(exit),
        }
    }

    /// Refuses and ends everything; [`Pool::run`] returns when the last process has gone.
    fn close(&mut self) {
        self.closing.get_or_insert_default();
        for entry in &mut self.entries {
            entry.fail_active(&GenerationError::ShuttingDown);
            entry.fail_waiting(&GenerationError::ShuttingDown);
            entry.close();
        }
    }

    fn start_worker(&mut self, index: usize) {
        let Some(entry) = self.entries.get_mut(index) else { return };
        let places = entry.places(&self.config);
        let load = match entry.plan.clone() {
            Ok(load) => load,
            Err(message) => return entry.reject(message, Instant::now()),
        };
        self.last_worker += 1;
        let spec = Spec {
            worker: self.last_worker,
            program: self.config.worker.clone(),
            directory: self.config.state_dir.clone(),
            load,
            // Of every request its beginning, a pause, that it goes on, and a stop, with as much to spare.
            commands_capacity: 8 * places,
        };
        let estimated_bytes = entry.memory.estimated.total_bytes();
        tracing::info!(model = %entry.id, estimated_bytes, "the model is being loaded");
        let worker = Worker::start(spec, self.news_sender.clone());
        self.alive += 1;
        entry.begin_loading(worker);
    }

    /// Does what the states now allow: ends workers, starts others.
    fn advance(&mut self, now: Instant) {
        if self.closing.is_some() {
            return;
        }
        for entry in &mut self.entries {
            entry.advance(self.config.idle_unload, now);
        }
        self.start_waiting(now);
    }
}
