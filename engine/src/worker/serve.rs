//! The loop of the decoder's thread.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, TrySendError};
use std::time::{Duration, Instant};

use super::scheduler::Scheduler;
use super::states::{DiskJob, DiskNews};
use crate::decoder::{Decoder, PreparedPrompt};
use crate::protocol::{Event, GenerateCommand};
use crate::{GenerationError, Whose};

/// How long saving may take when the worker ends: well within the time that it gives itself to go, after its last step.
const SAVE_MAX: Duration = Duration::from_secs(3);

/// What the decoder's thread is told.
#[derive(Debug)]
pub(crate) enum Inbox {
    Arrive(Box<GenerateCommand>),
    Prepared {
        id: u64,
        prompt: Box<Result<PreparedPrompt, GenerationError>>,
    },
    Cancel {
        id: u64,
    },
    Pause {
        id: u64,
    },
    Resume {
        id: u64,
    },
    Forget(Whose),
    Disk(DiskNews),
    /// The parent has gone, or wants the worker to go.
    End,
}

/// Whom the decoder's thread tells.
#[derive(Debug)]
pub(crate) struct Outlets {
    pub(crate) events: SyncSender<Event>,
    /// None where nothing is kept on disk.
    pub(crate) disk: Option<SyncSender<DiskJob>>,
}

/// Steps while there is work, waits while there is none; returns when nobody is left to talk to. All news of a step go
/// out as one event.
pub(crate) fn serve<D: Decoder>(scheduler: &mut Scheduler<D>, inbox: &Receiver<Inbox>, outlets: &Outlets) {
    loop {
        if !scheduler.has_work()
            && !rest(scheduler, inbox, outlets).is_some_and(|message| take(scheduler, message))
        {
            return;
        }
        loop {
            let goes_on = match inbox.try_recv() {
                Ok(message) => take(scheduler, message),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => false,
            };
            if !goes_on {
                return;
            }
        }
        scheduler.step();
        scheduler.save_resting();
        outlets.send_jobs(scheduler);
        let updates = scheduler.take_updates();
        if !updates.is_empty() && outlets.events.send(Event::Step(updates)).is_err() {
            return;
        }
    }
}

/// Waits for a message, and meanwhile has what rests brought to disk; none when nobody is left to talk to.
fn rest<D: Decoder>(
    scheduler: &mut Scheduler<D>,
    inbox: &Receiver<Inbox>,
    outlets: &Outlets,
) -> Option<Inbox> {
    loop {
        match inbox.try_recv() {
            Ok(message) => return Some(message),
            Err(TryRecvError::Disconnected) => return None,
            Err(TryRecvError::Empty) => {}
        }
        let next = scheduler.save_resting();
        outlets.send_jobs(scheduler);
        let Some(next) = next else { return inbox.recv().ok() };
        match inbox.recv_timeout(next.saturating_sub(scheduler.now())) {
            Ok(message) => return Some(message),
            Err(RecvTimeoutError::Disconnected) => return None,
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
}

/// Saves the chats of all slots and has them written, as far as that is possible in a short time.
pub(crate) fn save_all<D: Decoder>(scheduler: &mut Scheduler<D>, inbox: &Receiver<Inbox>, outlets: &Outlets) {
    let Some(disk) = &outlets.disk else { return };
    let deadline = Instant::now() + SAVE_MAX;
    // At last, or with no slot at all, what is only in memory.
    for slot in scheduler.slots_to_save().into_iter().map(Some).chain([None]) {
        scheduler.save_last(slot);
        for job in scheduler.take_disk_jobs() {
            if disk.send(job).is_err() {
                return;
            }
        }
        while scheduler.is_writing() {
            match inbox.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(Inbox::Disk(news)) => scheduler.hear_disk(news),
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    tracing::warn!(
                        seconds = SAVE_MAX.as_secs(),
                        "not all sequence states could be saved in time"
                    );
                    return;
                }
            }
        }
    }
}

impl Outlets {
    /// Hands the disk what came up for it. What finds no place is not done.
    fn send_jobs<D: Decoder>(&self, scheduler: &mut Scheduler<D>) {
        for job in scheduler.take_disk_jobs() {
            let unsent = match &self.disk {
                Some(disk) => disk.try_send(job).err().map(|error| match error {
                    TrySendError::Full(job) | TrySendError::Disconnected(job) => job,
                }),
                None => Some(job),
            };
            match unsent {
                Some(DiskJob::Read { id, .. }) => scheduler.hear_disk(DiskNews::Read { id, found: None }),
                Some(DiskJob::Write { id, .. } | DiskJob::Finish { id, .. }) => {
                    scheduler.hear_disk(DiskNews::Written { id, is_written: false });
                }
                Some(DiskJob::Touch { .. } | DiskJob::Delete { .. }) | None => {}
            }
        }
    }
}

/// Answers whether to go on.
fn take<D: Decoder>(scheduler: &mut Scheduler<D>, message: Inbox) -> bool {
    match message {
        Inbox::Arrive(command) => scheduler.arrive(*command),
        Inbox::Prepared { id, prompt } => scheduler.prepared(id, *prompt),
        Inbox::Cancel { id } => scheduler.cancel(id),
        Inbox::Pause { id } => scheduler.set_paused(id, true),
        Inbox::Resume { id } => scheduler.set_paused(id, false),
        Inbox::Forget(whose) => scheduler.forget(whose),
        Inbox::Disk(news) => scheduler.hear_disk(news),
        Inbox::End => return false,
    }
    true
}
