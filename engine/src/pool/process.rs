//! One worker process: started, spoken to, and waited for until it has gone.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout};
use tokio::sync::{mpsc, oneshot};

use crate::LoraAdapter;
use crate::catalog;
use crate::containment::{INHERITED_VARIABLES, SET_VARIABLES};
use crate::decoder::LoadRequest;
use crate::gguf::{GgufError, Header};
use crate::protocol::{self, Command, Event, FrameError};
use crate::worker::states::directory;

/// How long a worker may take to go once its input has ended; it gives itself one second less.
const FAREWELL: Duration = Duration::from_secs(6);

/// Numbers worker processes within one engine.
pub(super) type WorkerId = u64;

/// What to start.
#[derive(Debug)]
pub(super) struct Spec {
    pub(super) worker: WorkerId,
    pub(super) program: PathBuf,
    pub(super) directory: PathBuf,
    pub(super) load: LoadRequest,
    /// Commands that may wait for the pipe.
    pub(super) commands_capacity: usize,
}

/// Something a worker said, or its end.
#[derive(Debug)]
pub(super) struct WorkerNews {
    pub(super) worker: WorkerId,
    pub(super) what: What,
}

#[derive(Debug)]
pub(super) enum What {
    Said(Event),
    /// The last one.
    Gone(Exit),
}

/// How a worker ended.
#[derive(Debug)]
pub(super) enum Exit {
    /// It never ran: a sentence for the person who chose the model.
    NotStarted(String),
    /// It ran; this is how it ended, for the log.
    Ended(String),
}

/// A running worker. When it is dropped the process is killed; to end it kindly, end its input.
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) id: WorkerId,
    commands: Option<mpsc::Sender<Vec<u8>>>,
    kill: Option<oneshot::Sender<()>>,
}

impl Worker {
    /// Starts a process on the current runtime. All its news go to `news`, the last of them `Gone`.
    pub(super) fn start(spec: Spec, news: mpsc::Sender<WorkerNews>) -> Self {
        let (commands, frames) = mpsc::channel(spec.commands_capacity);
        let (kill, killed) = oneshot::channel();
        let id = spec.worker;
        tokio::spawn(async move {
            let exit = live(spec, frames, killed, &news).await;
            // Without a pool there is nobody to tell.
            let _ = news.send(WorkerNews { worker: id, what: What::Gone(exit) }).await;
        });
        Self { id, commands: Some(commands), kill: Some(kill) }
    }

    /// Hands over a frame; `false` when the worker no longer takes any, so that it is better killed.
    pub(super) fn send(&self, frame: Vec<u8>) -> bool {
        self.commands.as_ref().is_some_and(|commands| commands.try_send(frame).is_ok())
    }

    /// Kills the process, whatever it is at. Its end is told as any other.
    pub(super) fn kill(&mut self) {
        if let Some(kill) = self.kill.take() {
            let _ = kill.send(());
        }
    }

    /// Ends the worker's input: it finishes its step and goes.
    pub(super) fn end_input(&mut self) {
        self.commands = None;
    }
}

async fn live(
    spec: Spec,
    frames: mpsc::Receiver<Vec<u8>>,
    killed: oneshot::Receiver<()>,
    news: &mpsc::Sender<WorkerNews>,
) -> Exit {
    let load = spec.load.clone();
    match tokio::task::spawn_blocking(move || prepare(&load)).await {
        Ok(Ok(())) => {}
        Ok(Err(message)) => return Exit::NotStarted(message),
        Err(error) => return Exit::NotStarted(error.to_string()),
    }
    let mut child = match spawn(&spec) {
        Ok(child) => child,
        Err(error) => {
            let program = spec.program.display();
            return Exit::NotStarted(format!("the engine program {program} cannot be started: {error}"));
        }
    };
    let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
        return Exit::NotStarted("the engine program was started without pipes".to_owned());
    };
    let cause = tokio::select! {
        end = hear(spec.worker, output, news) => end.err().map(|error| error.to_string()),
        () = speak(&spec.load, input, frames) => Some("it did not go when its input ended".to_owned()),
        _ = killed => Some("it was given up".to_owned()),
    };
    let status = end(&mut child, cause.is_none()).await;
    Exit::Ended(cause.unwrap_or(status))
}

/// Checks what is to be loaded, and makes the directory for states.
fn prepare(load: &LoadRequest) -> Result<(), String> {
    catalog::read_header(&load.path).map_err(|error| error.to_string())?;
    let named = |what: &str, path: &Path, error: GgufError| format!("its {what} {}: {error}", path.display());
    for LoraAdapter { path, .. } in &load.lora {
        let checked = Header::read(path).and_then(|header| header.check_is_adapter());
        checked.map_err(|error| named("adapter", path, error))?;
    }
    if let Some(path) = &load.draft_model {
        catalog::read_header(path).map_err(|error| named("draft model", path, error))?;
    }
    let directory = &load.states.directory;
    directory::make(directory)
        .map_err(|error| format!("the directory {} cannot be made: {error}", directory.display()))
}

fn spawn(spec: &Spec) -> std::io::Result<Child> {
    let inherited = |name: &&str| Some((OsString::from(name), std::env::var_os(name)?));
    tokio::process::Command::new(&spec.program)
        .arg("worker")
        .current_dir(&spec.directory)
        .env_clear()
        .envs(INHERITED_VARIABLES.iter().filter_map(inherited))
        .envs(SET_VARIABLES)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .spawn()
}

/// Passes on what the worker says, until its output ends.
async fn hear(
    worker: WorkerId,
    output: ChildStdout,
    news: &mpsc::Sender<WorkerNews>,
) -> Result<(), FrameError> {
    let mut output = BufReader::new(output);
    let mut body = Vec::new();
    loop {
        let mut head = [0; 4];
        match output.read_exact(&mut head).await {
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        body.resize(protocol::body_length(head)? as usize, 0);
        output.read_exact(&mut body).await?;
        let event = protocol::decode(&body)?;
        if news.send(WorkerNews { worker, what: What::Said(event) }).await.is_err() {
            return Ok(());
        }
    }
}

/// Writes the load command and then whatever comes, until there is no more; returns when the worker has had its time to
/// go.
async fn speak(load: &LoadRequest, mut input: ChildStdin, mut frames: mpsc::Receiver<Vec<u8>>) {
    let first = protocol::encode(&Command::Load(load.clone())).unwrap_or_default();
    let mut next = Some(first);
    while let Some(frame) = next {
        if input.write_all(&frame).await.is_err() {
            break;
        }
        next = frames.recv().await;
    }
    drop(input);
    tokio::time::sleep(FAREWELL).await;
}

/// Waits for the process, and kills it where it does not end by itself.
async fn end(child: &mut Child, by_itself: bool) -> String {
    if by_itself && let Ok(Ok(status)) = tokio::time::timeout(FAREWELL, child.wait()).await {
        return describe(status);
    }
    match child.kill().await {
        Ok(()) => "it was killed".to_owned(),
        Err(error) => format!("it could not be killed: {error}"),
    }
}

fn describe(status: ExitStatus) -> String {
    format!("it ended with {status}")
}
