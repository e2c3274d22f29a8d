//! The loop of the decoder's thread.

use std::sync::mpsc::{Receiver, SyncSender, TryRecvError};

use super::scheduler::Scheduler;
use crate::GenerationError;
use crate::decoder::{Decoder, PreparedPrompt};
use crate::protocol::{Event, GenerateCommand};

/// What the decoder's thread is told.
#[derive(Debug)]
pub(crate) enum Inbox {
    Arrive(Box<GenerateCommand>),
    Prepared { id: u64, prompt: Box<Result<PreparedPrompt, GenerationError>> },
    Cancel { id: u64 },
    Pause { id: u64 },
    Resume { id: u64 },
}

/// Steps while there is work, waits while there is none; returns when nobody is left to talk to. All news of a step go
/// out as one event.
pub(crate) fn serve<D: Decoder>(
    scheduler: &mut Scheduler<D>,
    inbox: &Receiver<Inbox>,
    outbox: &SyncSender<Event>,
) {
    loop {
        if !scheduler.has_work() {
            let Ok(message) = inbox.recv() else { return };
            take(scheduler, message);
        }
        loop {
            match inbox.try_recv() {
                Ok(message) => take(scheduler, message),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => return,
            }
        }
        scheduler.step();
        let updates = scheduler.take_updates();
        if !updates.is_empty() && outbox.send(Event::Step(updates)).is_err() {
            return;
        }
    }
}

fn take<D: Decoder>(scheduler: &mut Scheduler<D>, message: Inbox) {
    match message {
        Inbox::Arrive(command) => scheduler.arrive(*command),
        Inbox::Prepared { id, prompt } => scheduler.prepared(id, *prompt),
        Inbox::Cancel { id } => scheduler.cancel(id),
        Inbox::Pause { id } => scheduler.set_paused(id, true),
        Inbox::Resume { id } => scheduler.set_paused(id, false),
    }
}
