//! The worker: what both worker programs run between their standard input and output.
//!
//! ```text
//!  stdin ─▶ commands ─┬────────────────▶ inbox ─▶ scheduler, decoder (the calling thread)
//!                     └▶ prompt desk ────▲  │            │
//!                              └────────────┼─▶ outbox ◀─┘ ─▶ events ─▶ stdout
//!                                           └── disk ◀── states to write, to read
//! ```
//!
//! Called by the `main` of a worker program only, with the functions that contain the process and load its kind of model.

use std::io;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread;
use std::time::Instant;

use rustix::fs::Mode;

use crate::containment::Containment;
use crate::decoder::{Decoder, LoadError, LoadProgress, LoadRequest, LoadedModel, PromptReader, StateTraits};
use crate::protocol::{Command, Event, FrameError, PROTOCOL_VERSION, read_frame, write_frame};
use crate::{LoadStage, MemoryUse, StateBudget};
pub use chance::draw;
use scheduler::Scheduler;
use states::{Disk, DiskJob, States, disk};

mod chance;
mod drafts;
mod pace;
mod pipes;
mod prompt_desk;
mod reply;
mod request;
mod resident;
mod scheduler;
mod serve;
mod slots;
pub(crate) mod states;
mod text;
mod waiting;

/// Messages that may wait for the decoder's thread, which takes all of them at every step.
const INBOX_CAPACITY: usize = 256;
/// Prompts that may wait for the template. Behind it the pipe fills, and then the parent's bounded queue.
const JOBS_CAPACITY: usize = 256;
/// Events that may wait for the pipe. The parent never stops reading, so a few steps are plenty.
const OUTBOX_CAPACITY: usize = 64;
/// Jobs that may wait for the thread of the disk: more than one step brings up. What finds no place is read again some day.
const DISK_JOBS_CAPACITY: usize = 64;
/// Loading is told in steps of this part of the whole, so that progress moves smoothly and costs nothing.
const PROGRESS_STEP: f32 = 0.01;

#[derive(Debug, thiserror::Error)]
enum WorkerError {
    #[error("standard input and output cannot be used: {0}")]
    Stdio(#[from] io::Error),
    #[error(transparent)]
    Frame(#[from] FrameError),
    #[error("the first command must be to load a model; this program is started by the server, not by hand")]
    NoLoadCommand,
}

/// Serves the parent on the other side of standard input and output until it goes. `contain` is called while there is no
/// other thread and before `load`, which opens the model. The decoder is loaded, used and dropped on the calling thread.
/// Standard output belongs to the frames: whatever else prints there lands on standard error. The parent starts a worker
/// program with the one argument `worker`.
pub fn run<D, R, L>(contain: impl FnOnce(&LoadRequest) -> Containment, load: L) -> ExitCode
where
    D: Decoder,
    R: PromptReader,
    L: FnOnce(&LoadRequest, &mut LoadProgress<'_>) -> Result<LoadedModel<D, R>, LoadError>,
{
    match serve_parent(contain, load) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn serve_parent<D, R, L>(
    contain: impl FnOnce(&LoadRequest) -> Containment,
    load: L,
) -> Result<(), WorkerError>
where
    D: Decoder,
    R: PromptReader,
    L: FnOnce(&LoadRequest, &mut LoadProgress<'_>) -> Result<LoadedModel<D, R>, LoadError>,
{
    // Whatever it writes is for the server's account alone.
    rustix::process::umask(Mode::RWXU.complement());
    let frames = pipes::claim_stdout()?;
    write_frame(&frames, &Event::Hello { protocol: PROTOCOL_VERSION })?;
    let Some(Command::Load(request)) = read_frame(io::stdin().lock())? else {
        return Err(WorkerError::NoLoadCommand);
    };
    let process = resident::Process::open();
    write_frame(&frames, &Event::Contained(contain(&request)))?;

    let (outbox, events) = sync_channel(OUTBOX_CAPACITY);
    let writer = spawn("events", move || pipes::write_events(frames, &events))?;
    let (inbox, messages) = sync_channel(INBOX_CAPACITY);
    let (jobs, waiting_jobs) = sync_channel(JOBS_CAPACITY);
    let parent_gone = Arc::new(AtomicBool::new(false));
    let routes = pipes::Routes { inbox: inbox.clone(), jobs };
    let gone = parent_gone.clone();
    spawn("commands", move || pipes::read_commands(routes, &gone))?;

    let loaded = load(&request, &mut tell_progress(&outbox, || !parent_gone.load(Ordering::Relaxed)));
    let LoadedModel { decoder, reader, memory } = match loaded {
        Ok(loaded) => loaded,
        Err(LoadError { message }) => {
            let _ = outbox.send(Event::LoadFailed { message });
            drop(outbox);
            let _ = writer.join();
            return Ok(());
        }
    };
    let memory = MemoryUse { states_bytes: request.states.memory_bytes, ..process.added_to(memory) };
    let _ = outbox.send(Event::Loaded { facts: decoder.facts().clone(), memory });
    let (states, disk) = open_states(request.states, decoder.state_traits(), inbox.clone())?;
    let desk_outbox = outbox.clone();
    spawn("prompt-desk", move || prompt_desk::serve(reader, &waiting_jobs, &inbox, &desk_outbox))?;

    let started = Instant::now();
    let mut scheduler = Scheduler::new(decoder, states, Box::new(move || started.elapsed()));
    let outlets = serve::Outlets { events: outbox, disk };
    serve::serve(&mut scheduler, &messages, &outlets);
    serve::save_all(&mut scheduler, &messages, &outlets);
    Ok(())
}

/// What an earlier worker has left of this model, and a thread that reads and writes there.
fn open_states(
    budget: StateBudget,
    traits: StateTraits,
    inbox: SyncSender<serve::Inbox>,
) -> io::Result<(States, Option<SyncSender<DiskJob>>)> {
    let Some((disk, kept)) = Disk::open(budget.clone(), traits.identity) else {
        return Ok((States::new(budget, traits, Vec::new()), None));
    };
    tracing::info!(states = kept.len(), "what was read before is at hand");
    let (jobs, waiting_jobs) = sync_channel(DISK_JOBS_CAPACITY);
    spawn("states", move || disk::serve(&disk, &waiting_jobs, &inbox))?;
    Ok((States::new(budget, traits, kept), Some(jobs)))
}

fn tell_progress(outbox: &SyncSender<Event>, go_on: impl Fn() -> bool) -> impl FnMut(LoadStage, f32) -> bool {
    let mut told = (LoadStage::default(), -1.0);
    move |stage, fraction| {
        if stage != told.0 || fraction - told.1 >= PROGRESS_STEP {
            told = (stage, fraction);
            // A full outbox only means that newer progress follows.
            let _ = outbox.try_send(Event::Loading { stage, fraction });
        }
        go_on()
    }
}

fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> io::Result<thread::JoinHandle<()>> {
    thread::Builder::new().name(name.to_owned()).spawn(body)
}
