//! Ctrl-C and SIGTERM. While programs of a step run, an interrupt ends them and then us; once Oriel runs, it is handed
//! to whoever waits for it, so that everything ends in order.

use std::collections::HashSet;
use std::sync::mpsc::Sender;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::failure::{Doing, Outcome};

/// The code a shell gives a program that was interrupted.
const EXIT_INTERRUPTED: i32 = 130;

static CHILDREN: Mutex<Option<HashSet<u32>>> = Mutex::new(None);
static LISTENER: Mutex<Option<Box<dyn Fn() + Send>>> = Mutex::new(None);

/// Begins to watch for interrupts; called once, by `main`.
pub fn watch() -> Outcome {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).doing("watch for Ctrl-C")?;
    std::thread::spawn(move || {
        for _ in signals.forever() {
            let listener = lock(&LISTENER);
            match listener.as_ref() {
                Some(tell) => tell(),
                None => {
                    end_children();
                    std::process::exit(EXIT_INTERRUPTED);
                }
            }
        }
    });
    Ok(())
}

/// Asks the programs of a step to end.
pub fn end_children() {
    for child in lock(&CHILDREN).iter().flatten() {
        terminate(*child);
    }
}

/// From now on, until the guard goes, an interrupt sends this and does nothing else.
pub fn send_to<T: Clone + Send + 'static>(sender: Sender<T>, event: T) -> Listening {
    *lock(&LISTENER) = Some(Box::new(move || {
        // The receiver is gone only when the stack has already ended.
        let _ = sender.send(event.clone());
    }));
    Listening
}

/// As long as this lives, interrupts go to a listener.
pub struct Listening;

impl Drop for Listening {
    fn drop(&mut self) {
        *lock(&LISTENER) = None;
    }
}

/// As long as the guard lives, an interrupt ends this process.
pub fn end_on_interrupt(pid: u32) -> Watched {
    lock(&CHILDREN).get_or_insert_with(HashSet::new).insert(pid);
    Watched(pid)
}

/// A process that ends with us.
pub struct Watched(u32);

impl Drop for Watched {
    fn drop(&mut self) {
        if let Some(children) = lock(&CHILDREN).as_mut() {
            children.remove(&self.0);
        }
    }
}

/// Asks a process to end.
pub fn terminate(pid: u32) {
    if let Some(pid) = Pid::from_raw(pid.cast_signed()) {
        // It may have ended by itself in the meantime; that is what we want.
        let _ = kill_process(pid, Signal::TERM);
    }
}

/// Ends a process without asking.
pub fn kill(pid: u32) {
    if let Some(pid) = Pid::from_raw(pid.cast_signed()) {
        // As above.
        let _ = kill_process(pid, Signal::KILL);
    }
}

/// Ends a group of processes that did not end when asked.
pub fn kill_group(leader: u32) {
    if let Some(leader) = Pid::from_raw(leader.cast_signed()) {
        // As above: ended already is as good.
        let _ = kill_process_group(leader, Signal::KILL);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
