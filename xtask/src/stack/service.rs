//! One child process that runs until it is told to end.

use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use super::Event;
use crate::command::{find, show};
use crate::failure::{Doing, Outcome};
use crate::interrupt;
use crate::report::say;

/// A running program.
pub struct Service {
    name: &'static str,
    pid: u32,
    /// Hears once that it has ended.
    ended: Receiver<()>,
}

impl Service {
    /// Starts a program in a process group of its own; its end is sent as an event. Only the main thread may call this:
    /// the program ends when the thread that started it does.
    pub fn start(name: &'static str, command: Command, events: Sender<Event>) -> Outcome<Self> {
        let shown = show(&command);
        let mut child =
            ending_with_us(command).process_group(0).spawn().doing(format_args!("start `{shown}`"))?;
        let pid = child.id();
        let (tell, ended) = mpsc::channel();
        std::thread::spawn(move || {
            let how = child.wait().map_or_else(|error| error.to_string(), |status| status.to_string());
            // Of the two one or both may have nobody who listens any more.
            let _ = tell.send(());
            let _ = events.send(Event::Ended { pid, how });
        });
        Ok(Self { name, pid, ended })
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Asks it to end and waits; kills it when it takes longer than `patience`.
    pub fn stop(self, patience: Duration) {
        if self.ended.try_recv().is_ok() {
            return;
        }
        interrupt::terminate(self.pid);
        if self.ended.recv_timeout(patience).is_err() {
            say(&format!("{} did not end within {} s and is killed.", self.name, patience.as_secs()));
            interrupt::kill_group(self.pid);
        }
    }
}

/// Runs a program and hands it one SIGTERM, however many come: the kernel may tell of our death once for each of our
/// threads, and `oriel` takes a second signal for a person who cannot wait.
const KEEPER: &str = "\
\"$@\" & child=$!
trap 'trap \"\" TERM; kill -TERM $child' TERM
wait $child; status=$?
while kill -0 $child 2>/dev/null; do wait $child; status=$?; done
exit $status";

/// The command through a keeper that the kernel tells when we are killed and cannot end anything ourselves.
fn ending_with_us(command: Command) -> Command {
    let Some(setpriv) = find("setpriv") else { return command };
    let mut wrapped = Command::new(setpriv);
    wrapped.args(["--pdeathsig", "TERM", "--", "sh", "-c", KEEPER, "keeper"]);
    wrapped.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => wrapped.env(name, value),
            None => wrapped.env_remove(name),
        };
    }
    wrapped
}
