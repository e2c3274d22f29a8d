//! A server that is started here, so that it can be restarted in the middle of a measurement, and ends with it.

use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::failure::Failure;
use crate::process::family;

/// A server writes down what it has read before it ends.
const STOP_MAX: Duration = Duration::from_secs(60);
/// Between two looks whether it has ended.
const PAUSE: Duration = Duration::from_millis(20);

/// A running program.
#[derive(Debug)]
pub struct Program {
    command: String,
    child: Child,
}

impl Program {
    /// Starts `command`, as a shell understands it, in a process group of its own.
    pub fn start(command: &str) -> Result<Self, Failure> {
        Ok(Self { command: command.to_owned(), child: spawn(command)? })
    }

    /// Ends it in order and starts it again.
    pub async fn restart(&mut self) -> Result<(), Failure> {
        self.stop().await?;
        self.child = spawn(&self.command)?;
        Ok(())
    }

    /// Ends it in order.
    pub async fn stop(&mut self) -> Result<(), Failure> {
        if let Some(pid) = Pid::from_raw(self.child.id().cast_signed()) {
            // It may have ended by itself.
            let _ = kill_process(pid, Signal::TERM);
        }
        let deadline = Instant::now() + STOP_MAX;
        while self.child.try_wait()?.is_none() {
            if Instant::now() > deadline {
                return Err(Failure::Broken("does not end: its server ignores SIGTERM"));
            }
            tokio::time::sleep(PAUSE).await;
        }
        Ok(())
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// It and everything that it has started.
    pub fn processes(&self) -> Vec<u32> {
        family(self.child.id())
    }
}

fn spawn(command: &str) -> Result<Child, Failure> {
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("exec {command}")]).process_group(0).stdin(Stdio::null());
    // Standard output is for figures.
    Ok(shell.stdout(std::io::stderr()).spawn()?)
}

impl Drop for Program {
    /// The run was interrupted or has failed: the server still gets to end in order.
    fn drop(&mut self) {
        let Some(pid) = Pid::from_raw(self.child.id().cast_signed()).filter(|_| !self.has_ended()) else {
            return;
        };
        // It may end by itself in this moment; that is what we want.
        let _ = kill_process(pid, Signal::TERM);
        let deadline = Instant::now() + STOP_MAX;
        while !self.has_ended() {
            if Instant::now() > deadline {
                let _ = kill_process_group(pid, Signal::KILL);
            }
            std::thread::sleep(PAUSE);
        }
    }
}
