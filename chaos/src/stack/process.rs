//! One program under a process manager: started again a moment after it ended, whoever ended it.
//!
//! The program dies with this one (`setpriv --pdeathsig`), also where this one is killed.

use std::fs::OpenOptions;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::dice::Dice;
use crate::failure::{Doing, Outcome};

/// How long a process manager waits before it starts a program again.
const RESTART_MS: std::ops::RangeInclusive<u64> = 50..=1_500;

/// Longer than the longest orderly end of any of the programs.
const STOP_PATIENCE: Duration = Duration::from_secs(30);

/// What to run.
#[derive(Clone, Debug)]
pub struct Program {
    /// For people.
    pub name: String,
    /// The file.
    pub path: PathBuf,
    /// Its words.
    pub arguments: Vec<String>,
    /// Its settings. Nothing else of our environment but PATH is handed on.
    pub environment: Vec<(&'static str, String)>,
    /// Where its output goes.
    pub log: PathBuf,
    /// The signal that it gets where we are killed.
    pub last_signal: &'static str,
}

/// The end of one process.
#[derive(Clone, Debug)]
pub struct Exit {
    /// Which program.
    pub name: String,
    /// When.
    pub at: Instant,
    /// How.
    pub status: ExitStatus,
    /// Whether we had sent it a signal.
    pub intended: bool,
}

impl Exit {
    /// In words.
    pub fn describe(&self) -> String {
        match self.status.signal() {
            Some(signal) => format!("{} ended with signal {signal}", self.name),
            None => format!("{} ended with code {:?}", self.name, self.status.code()),
        }
    }
}

/// A program that is kept running.
pub struct Supervised {
    name: String,
    /// The process, while one runs.
    pid: watch::Receiver<Option<i32>>,
    intended: Arc<AtomicBool>,
    exits: Arc<Mutex<Vec<Exit>>>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Supervised {
    /// Starts it. Call it on a thread that lives as long as the program shall.
    pub fn start(program: Program, mut dice: Dice) -> Outcome<Self> {
        let first = spawn(&program)?;
        let (pid_sender, pid) = watch::channel(pid_of(&first));
        let (stop, mut stopped) = watch::channel(false);
        let intended = Arc::new(AtomicBool::new(false));
        let exits = Arc::new(Mutex::new(Vec::new()));
        let name = program.name.clone();
        let keep = {
            let (intended, exits) = (intended.clone(), exits.clone());
            async move {
                let mut child = first;
                loop {
                    let Ok(status) = child.wait().await else { return };
                    pid_sender.send_replace(None);
                    let exit = Exit {
                        name: program.name.clone(),
                        at: Instant::now(),
                        status,
                        intended: intended.swap(false, Ordering::SeqCst),
                    };
                    exits.lock().unwrap_or_else(PoisonError::into_inner).push(exit);
                    let pause = dice.millis(RESTART_MS);
                    if tokio::time::timeout(pause, stopped.wait_for(|stop| *stop)).await.is_ok() {
                        return;
                    }
                    let Ok(next) = spawn(&program) else { return };
                    pid_sender.send_replace(pid_of(&next));
                    child = next;
                }
            }
        };
        Ok(Self { name, pid, intended, exits, stop, task: tokio::spawn(keep) })
    }

    /// For people.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The process, while one runs.
    pub fn pid(&self) -> Option<i32> {
        *self.pid.borrow()
    }

    /// Every change of the process.
    pub fn watch(&self) -> watch::Receiver<Option<i32>> {
        self.pid.clone()
    }

    /// The ends so far.
    pub fn exits(&self) -> Vec<Exit> {
        self.exits.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sends a signal; false where there is nobody. One that ends the process makes its end intended.
    pub fn signal(&self, signal: Signal) -> bool {
        self.mark(signal);
        self.pid().is_some_and(|pid| kill(Pid::from_raw(pid), signal).is_ok())
    }

    /// As [`signal`](Self::signal), to the program and all its children.
    pub fn signal_group(&self, signal: Signal) -> bool {
        self.mark(signal);
        self.pid().is_some_and(|pid| killpg(Pid::from_raw(pid), signal).is_ok())
    }

    fn mark(&self, signal: Signal) {
        if !matches!(signal, Signal::SIGSTOP | Signal::SIGCONT) && self.pid().is_some() {
            self.intended.store(true, Ordering::SeqCst);
        }
    }

    /// Ends it for good; true where it ended by itself when asked.
    pub async fn stop(mut self) -> bool {
        self.stop.send_replace(true);
        self.signal(Signal::SIGTERM);
        if tokio::time::timeout(STOP_PATIENCE, &mut self.task).await.is_ok() {
            return true;
        }
        self.signal_group(Signal::SIGKILL);
        // It cannot but end; the task only reaps it.
        let _ = self.task.await;
        false
    }
}

fn pid_of(child: &Child) -> Option<i32> {
    child.id().and_then(|id| i32::try_from(id).ok())
}

fn spawn(program: &Program) -> Outcome<Child> {
    let log = OpenOptions::new()
        .create(true)
        .append(true)
        .open(&program.log)
        .doing(format_args!("write {}", program.log.display()))?;
    let errors = log.try_clone().doing("write a log")?;
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", program.last_signal, "--"]).arg(&program.path).args(&program.arguments);
    command.env_clear().envs(program.environment.iter().map(|(name, value)| (*name, value)));
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    command.stdin(Stdio::null()).stdout(log).stderr(errors).process_group(0);
    command.spawn().doing(format_args!("start {} through setpriv (util-linux)", program.path.display()))
}

/// The children of a process that run `program`.
pub fn children(parent: i32, program: &str) -> Vec<i32> {
    processes()
        .into_iter()
        .filter(|it| it.parent == parent && is_program(it, program))
        .map(|it| it.pid)
        .collect()
}

/// Whether a process runs `program`, of whose name the kernel keeps fifteen characters.
pub fn is_program(process: &ProcessInfo, program: &str) -> bool {
    process.name == program.get(..15).unwrap_or(program)
}

/// A process as the kernel lists it.
#[derive(Clone, Debug)]
pub struct ProcessInfo {
    /// Its number.
    pub pid: i32,
    /// Who started it, or adopted it.
    pub parent: i32,
    /// The program.
    pub name: String,
    /// It has ended and nobody has asked how.
    pub is_zombie: bool,
}

/// All processes of the machine.
pub fn processes() -> Vec<ProcessInfo> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries.filter_map(|entry| read_process(entry.file_name().to_str()?.parse().ok()?)).collect()
}

fn read_process(pid: i32) -> Option<ProcessInfo> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (before, after) = stat.rsplit_once(')')?;
    let name = before.split_once('(')?.1.to_owned();
    let mut words = after.split_whitespace();
    let is_zombie = words.next() == Some("Z");
    let parent = words.next()?.parse().ok()?;
    Some(ProcessInfo { pid, parent, name, is_zombie })
}

/// The processes, ours apart, that name `path` on their command line or in their environment.
pub fn processes_of(path: &Path) -> Vec<String> {
    let own = i32::try_from(std::process::id()).unwrap_or_default();
    let path = path.display().to_string();
    let mut found = Vec::new();
    for process in processes().into_iter().filter(|it| it.pid != own) {
        let read = |name: &str| {
            String::from_utf8_lossy(
                &std::fs::read(format!("/proc/{}/{name}", process.pid)).unwrap_or_default(),
            )
            .into_owned()
        };
        let command = read("cmdline");
        if command.contains(&path) || read("environ").contains(&path) {
            found.push(format!("{} {}", process.pid, command.replace('\0', " ").trim()));
        }
    }
    found
}
