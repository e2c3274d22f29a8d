//! Tries every layer from inside: what the kernel accepted may still not hold, in a container for example.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use std::{env, io};

use engine::containment::{INHERITED_VARIABLES, Layer, LayerKind, SET_VARIABLES};
use engine::decoder::LoadRequest;
use rustix::io::Errno;
use rustix::process::{DumpableBehavior, Pid, dumpable_behavior, getppid, test_kill_process};
use rustix::thread::{capabilities, no_new_privs};

use super::calls::Unfiltered;
use super::files::Files;
use super::{limits, privileges};

/// Files that every system has and no model needs.
const FOREIGN_FILES: [&str; 3] = ["/etc/passwd", "/etc/hostname", "/proc/self/environ"];

/// Where everybody may write.
const FOREIGN_DIRECTORIES: [&str; 2] = ["/tmp", "/var/tmp"];

/// Variables that are named where they should not be there: the first say where they are from.
const NAMED_MAX: usize = 3;

/// Of a file that is made to see whether it can be.
const TRIAL: &str = ".oriel-trial";

/// What is tried, chosen while everything can still be seen.
#[derive(Debug)]
pub struct Attempts {
    model: PathBuf,
    states: PathBuf,
    foreign: Option<PathBuf>,
    parent: Option<Pid>,
}

impl Attempts {
    /// For a worker that will load `request`.
    pub fn new(request: &LoadRequest) -> Self {
        Self {
            model: request.path.clone(),
            states: request.states.directory.clone(),
            foreign: FOREIGN_FILES.map(PathBuf::from).into_iter().find(|path| File::open(path).is_ok()),
            parent: getppid(),
        }
    }

    /// Own files can be used, others not.
    pub fn files(&self, entered: &Files) -> Layer {
        let kind = LayerKind::Files;
        let abi = match entered {
            Files::Bound { abi } => abi,
            Files::Free { why } => return Layer::missing(kind, why),
        };
        let own_are_there =
            File::open(&self.model).is_ok() && (self.states.as_os_str().is_empty() || can_make(&self.states));
        let others_are_closed = self.foreign.as_deref().is_none_or(|path| is_refused(File::open(path)))
            && !FOREIGN_DIRECTORIES.iter().any(|directory| can_make(Path::new(directory)));
        match (own_are_there, others_are_closed) {
            (true, true) => Layer::in_force(kind, format!("Landlock, ABI {abi}")),
            (_, false) => Layer::missing(
                kind,
                "Landlock was accepted, and other files can still be opened: report this",
            ),
            (false, true) => Layer::missing(
                kind,
                format!(
                    "{} cannot be read, or {} not be written",
                    self.model.display(),
                    self.states.display()
                ),
            ),
        }
    }

    /// Neither a connection nor a datagram goes out. Landlock alone keeps from TCP only.
    pub fn network(&self, filtered: &Result<(), Unfiltered>, files: &Files) -> Layer {
        let kind = LayerKind::Network;
        // The port of the protocol `discard`: nobody listens.
        let nobody = SocketAddr::from(([127, 0, 0, 1], 9));
        let is_silent = TcpStream::connect_timeout(&nobody, Duration::from_millis(100))
            .is_err_and(|error| error.kind() != io::ErrorKind::ConnectionRefused)
            && UdpSocket::bind(("127.0.0.1", 0)).is_err();
        match (filtered, files) {
            (Ok(()), _) if is_silent => Layer::in_force(kind, "seccomp: no sockets"),
            (Ok(()), _) => {
                Layer::missing(kind, "the filter was accepted, and sockets can still be made: report this")
            }
            (Err(Unfiltered { why }), Files::Bound { abi: 4.. }) => {
                Layer::missing(kind, format!("only TCP is closed, by Landlock: {why}"))
            }
            (Err(Unfiltered { why }), _) => Layer::missing(kind, why),
        }
    }

    /// No program is started, and the parent cannot be signalled.
    pub fn processes(&self, filtered: &Result<(), Unfiltered>) -> Layer {
        let kind = LayerKind::Processes;
        if let Err(Unfiltered { why }) = filtered {
            return Layer::missing(kind, why);
        }
        let starts = Command::new("/proc/self/exe").arg("version").stdout(Stdio::null()).status();
        let signals = self.parent.is_some_and(|parent| test_kill_process(parent).is_ok());
        if starts.is_err() && !signals {
            Layer::in_force(kind, "seccomp: no programs, no signals to others")
        } else {
            Layer::missing(
                kind,
                "the filter was accepted, and other processes can still be reached: report this",
            )
        }
    }
}

/// Nothing that the server keeps for itself.
pub fn environment() -> Layer {
    let is_known = |name: &str| {
        INHERITED_VARIABLES.contains(&name) || SET_VARIABLES.iter().any(|(known, _)| *known == name)
    };
    let names = env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned());
    let foreign: Vec<String> = names.filter(|name| !is_known(name)).collect();
    if foreign.is_empty() {
        return Layer::in_force(LayerKind::Environment, "nothing but what is listed");
    }
    let some: Vec<&str> = foreign.iter().take(NAMED_MAX).map(String::as_str).collect();
    let why = format!(
        "{} others came along ({} …): let the server start this program",
        foreign.len(),
        some.join(", ")
    );
    Layer::missing(LayerKind::Environment, why)
}

/// No rights, and none to gain.
pub fn privileges(entered: Result<(), Errno>) -> Layer {
    let kind = LayerKind::Privileges;
    let hold = || {
        entered?;
        let own = capabilities(None)?;
        let all = own.effective | own.permitted | own.inheritable;
        Ok::<bool, Errno>(
            no_new_privs()?
                && privileges::KEPT.contains(all)
                && dumpable_behavior()? == DumpableBehavior::NotDumpable,
        )
    };
    match hold() {
        Ok(true) => Layer::in_force(kind, "none to gain, no capabilities, memory closed to others"),
        Ok(false) => Layer::missing(kind, "what was given up is still there: report this"),
        Err(error) => {
            Layer::missing(kind, format!("they cannot be given up ({error}): use Linux 3.5 or later"))
        }
    }
}

/// Files and images of the memory.
pub fn limits(entered: Result<(), Errno>) -> Layer {
    match entered {
        Ok(()) if limits::hold() => Layer::in_force(LayerKind::Limits, "few open files, no core dumps"),
        Ok(()) => Layer::missing(LayerKind::Limits, "what was set is not there: report this"),
        Err(error) => Layer::missing(LayerKind::Limits, format!("they cannot be set: {error}")),
    }
}

/// `most_bytes` as they were set.
pub fn memory(most_bytes: Option<u64>) -> Layer {
    let Some(most_bytes) = most_bytes else {
        let why = "not bounded: drivers of devices reserve more than there is, or /proc is not mounted";
        return Layer::missing(LayerKind::Memory, why);
    };
    let mib = most_bytes / (1024 * 1024);
    Layer::in_force(LayerKind::Memory, format!("at most {mib} MiB beside the weights, less once loaded"))
}

fn is_refused<T>(result: io::Result<T>) -> bool {
    result.is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
}

/// Makes a file and takes it away again.
fn can_make(directory: &Path) -> bool {
    let trial = directory.join(format!("{TRIAL}-{}", std::process::id()));
    let made = File::create_new(&trial).is_ok();
    if made {
        let _ = fs::remove_file(&trial);
    }
    made
}
