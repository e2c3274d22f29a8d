//! The worker's ends of the pipes: one thread reads commands, one writes events.

use std::fs::File;
use std::io::{self, BufWriter};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender};
use std::{process, thread, time::Duration};

use super::prompt_desk::{Job, Work};
use super::serve::Inbox;
use crate::Prompt;
use crate::protocol::{Command, Event, FrameError, read_frame, write_frame};

/// How long a worker may go on after its parent has gone: one decode step of a slow machine. A step that hangs must not
/// leave a process behind.
const FAREWELL: Duration = Duration::from_secs(5);

/// Where commands go.
pub(super) struct Routes {
    pub(super) inbox: SyncSender<Inbox>,
    pub(super) jobs: SyncSender<Job>,
}

/// Leaves the parent's session, so that a Ctrl-C in its terminal is the parent's to handle, and takes standard output
/// for the frames: whatever native code prints goes to standard error.
pub(super) fn claim_stdout() -> io::Result<File> {
    // Fails only for a process that leads a group already, as in a debugger.
    let _ = rustix::process::setsid();
    let frames = rustix::io::dup(io::stdout())?;
    rustix::stdio::dup2_stdout(io::stderr())?;
    Ok(File::from(frames))
}

/// Reads commands until the parent goes; then says so by `parent_gone` and to the inbox.
pub(super) fn read_commands(routes: Routes, parent_gone: &AtomicBool) {
    if let Err(error) = route_all(&routes) {
        tracing::error!(%error, "the parent's commands cannot be read");
    }
    parent_gone.store(true, Ordering::Relaxed);
    // Fails where the decoder's thread has ended already.
    let _ = routes.inbox.send(Inbox::End);
    drop(routes);
    thread::sleep(FAREWELL);
    process::exit(1);
}

fn route_all(routes: &Routes) -> Result<(), FrameError> {
    let mut input = io::stdin().lock();
    while let Some(command) = read_frame(&mut input)? {
        if !routes.send(command) {
            break;
        }
    }
    Ok(())
}

impl Routes {
    /// Whether anybody still listens.
    fn send(&self, command: Command) -> bool {
        match command {
            Command::Load(_) => {
                tracing::error!("a worker loads one model only");
                true
            }
            Command::Cancel { id } => self.inbox.send(Inbox::Cancel { id }).is_ok(),
            Command::Pause { id } => self.inbox.send(Inbox::Pause { id }).is_ok(),
            Command::Resume { id } => self.inbox.send(Inbox::Resume { id }).is_ok(),
            Command::Forget(whose) => self.inbox.send(Inbox::Forget(whose)).is_ok(),
            Command::Ask { id, question } => self.jobs.send(Job::Ask { id, question }).is_ok(),
            Command::Generate(mut command) => {
                let id = command.id;
                let prompt = std::mem::replace(&mut command.prompt, Prompt::Tokens(Vec::new()));
                let constraint = command.sampling.constraint().cloned();
                let work = Work { prompt, constraint, answer: command.answer_so_far.clone() };
                let has_arrived = self.inbox.send(Inbox::Arrive(command)).is_ok();
                has_arrived && self.jobs.send(Job::Prepare { id, work }).is_ok()
            }
        }
    }
}

/// Writes events until their senders or the parent have gone.
pub(super) fn write_events(frames: File, events: &Receiver<Event>) {
    let mut frames = BufWriter::new(frames);
    for event in events {
        if let Err(error) = write_frame(&mut frames, &event) {
            tracing::warn!(%error, "the parent cannot be told");
            return;
        }
    }
}
