//! One child process that runs until it is told to end.

use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::mpsc::{Receiver, Sender};
use std::time::{Duration, Instant};

use super::Event;
use crate::command::show;
use crate::failure::{Doing, Outcome};
use crate::interrupt;
use crate::report::say;

/// A running program.
pub struct Service {
    name: &'static str,
    pid: u32,
}

impl Service {
    /// Starts a program in a process group of its own; its end is sent as an event.
    pub fn start(name: &'static str, mut command: Command, events: Sender<Event>) -> Outcome<Self> {
        let shown = show(&command);
        let mut child = command.process_group(0).spawn().doing(format_args!("start `{shown}`"))?;
        let pid = child.id();
        std::thread::spawn(move || {
            let how = child.wait().map_or_else(|error| error.to_string(), |status| status.to_string());
            // Nobody listens any more once everything has ended.
            let _ = events.send(Event::Ended(name, how));
        });
        Ok(Self { name, pid })
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Asks it to end and waits; kills it when it takes longer than `patience`.
    pub fn stop(self, patience: Duration, events: &Receiver<Event>) {
        interrupt::terminate(self.pid);
        let deadline = Instant::now() + patience;
        loop {
            match events.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(Event::Ended(name, _)) if name == self.name => return,
                // A second Ctrl-C: it is ending already.
                Ok(_) => {}
                Err(_) => break,
            }
        }
        say(&format!("{} did not end within {} s and is killed.", self.name, patience.as_secs()));
        interrupt::kill(self.pid);
    }
}
