//! What a contained worker can still do, tried from inside by code that does not know how it is contained.
//!
//! Each test runs this very program once more, which contains itself, makes one attempt and tells how it ended.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

mod models;

use std::fs::{self, File};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::unix::fs::symlink;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, thread};

use engine::StateBudget;
use engine::containment::{Containment, LayerKind};
use engine::decoder::LoadRequest;
use engine_llama::containment::{self, memory};
use tempfile::TempDir;

/// What the second run is told, and what it tells.
const ATTEMPT: &str = "ORIEL_TEST_ATTEMPT";
const PLACE: &str = "ORIEL_TEST_PLACE";
const MADE_IT: &str = "attempt: made it";
const REFUSED: &str = "attempt: refused";

/// A directory with a model, states, and what is none of the worker's business.
struct Place {
    directory: TempDir,
}

impl Place {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let place = Self { directory };
        fs::create_dir(place.path("states")).unwrap();
        fs::write(place.path("model.gguf"), "weights").unwrap();
        fs::write(place.path("secret"), "a secret").unwrap();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Whether the attempt was made from inside.
    fn attempt(&self, name: &str) -> bool {
        let output = Command::new(env::current_exe().unwrap())
            .args(["--exact", "inside", "--ignored", "--nocapture"])
            .env(ATTEMPT, name)
            .env(PLACE, self.directory.path())
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&output.stdout);
        assert!(told.contains(MADE_IT) || told.contains(REFUSED), "{name}: {output:?}");
        told.contains(MADE_IT)
    }
}

fn request(place: &Path) -> LoadRequest {
    let states = StateBudget { directory: place.join("states"), ..StateBudget::default() };
    LoadRequest { states, ..LoadRequest::new(place.join("model.gguf")) }
}

#[test]
#[ignore = "run by the other tests of this file, in a process of its own"]
fn inside() {
    let place = PathBuf::from(env::var_os(PLACE).unwrap());
    let at = |name: &str| place.join(name);
    containment::enter(&request(&place));
    let port = || fs::read_to_string(at("states/port")).unwrap().parse::<u16>().unwrap();
    let made_it = match env::var(ATTEMPT).unwrap().as_str() {
        "read the model" => fs::read(at("model.gguf")).is_ok(),
        "write the model" => fs::write(at("model.gguf"), "other weights").is_ok(),
        "keep states" => {
            let renamed = fs::write(at("states/new"), "state")
                .and_then(|()| fs::rename(at("states/new"), at("states/kept")))
                .and_then(|()| fs::read_to_string(at("states/kept")))
                .is_ok_and(|text| text == "state");
            renamed && fs::read_dir(at("states")).is_ok() && fs::remove_file(at("states/kept")).is_ok()
        }
        "read another file" => fs::read(at("secret")).is_ok(),
        "read through a link" => {
            symlink(at("secret"), at("states/link")).is_ok() && fs::read(at("states/link")).is_ok()
        }
        "read the accounts" => fs::read("/etc/passwd").is_ok(),
        "read the server's environment" => {
            fs::read(format!("/proc/{}/environ", std::os::unix::process::parent_id())).is_ok()
        }
        "list a directory" => fs::read_dir("/").is_ok(),
        "write another file" => File::create(at("new")).is_ok(),
        "remove another file" => fs::remove_file(at("secret")).is_ok(),
        "change another file's rights" => {
            use std::os::unix::fs::PermissionsExt as _;
            fs::set_permissions(at("secret"), fs::Permissions::from_mode(0o777)).is_ok()
        }
        "connect" => TcpStream::connect(("127.0.0.1", port())).is_ok(),
        "listen" => TcpListener::bind("127.0.0.1:0").is_ok(),
        "send a datagram" => UdpSocket::bind("127.0.0.1:0")
            .and_then(|socket| socket.send_to(b"x", ("127.0.0.1", port())))
            .is_ok(),
        "reach a local service" => UnixStream::connect(at("states/socket")).is_ok(),
        "start a program" => Command::new("/bin/true").stdout(Stdio::null()).status().is_ok(),
        "signal the parent" => {
            let parent = rustix::process::getppid().unwrap();
            rustix::process::test_kill_process(parent).is_ok()
        }
        "start a thread" => {
            thread::Builder::new().spawn(|| 7).is_ok_and(|thread| thread.join().unwrap() == 7)
        }
        "read another file in a thread" => {
            let secret = at("secret");
            thread::spawn(move || fs::read(secret).is_ok()).join().unwrap()
        }
        "take some memory" => take(memory::WORKING_BYTES / 4),
        "take all memory" => take(memory::WORKING_BYTES * 2),
        other => panic!("nobody knows how to {other}"),
    };
    println!("{}", if made_it { MADE_IT } else { REFUSED });
}

/// Whether there is so much memory beside what is taken now.
fn take(bytes: u64) -> bool {
    memory::bound_growth(memory::WORKING_BYTES);
    Vec::<u8>::new().try_reserve_exact(usize::try_from(bytes).unwrap()).is_ok()
}

/// What this kernel offers; what it lacks is printed, and the tests that need it have nothing to show.
fn lacks(kind: LayerKind) -> bool {
    let place = Place::new();
    let output = Command::new(env::current_exe().unwrap())
        .args(["--exact", "layers", "--ignored", "--nocapture"])
        .env(PLACE, place.directory.path())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let prefix = format!("{} ", kind.name());
    let line = told.lines().find_map(|line| line.strip_prefix(&prefix)).expect("each kind is told");
    let missing = line.strip_prefix("missing: ");
    if let Some(why) = missing {
        println!("not tested here, because {why}");
    }
    missing.is_some()
}

#[test]
#[ignore = "run by the other tests of this file, in a process of its own"]
fn layers() {
    let place = PathBuf::from(env::var_os(PLACE).unwrap());
    let Containment { layers } = containment::enter(&request(&place));
    println!();
    for layer in layers {
        let state = if layer.is_in_force { "holds" } else { "missing" };
        println!("{} {state}: {}", layer.kind.name(), layer.detail);
    }
}

#[test]
fn the_model_can_be_read_and_states_kept() {
    let place = Place::new();
    assert!(place.attempt("read the model"));
    assert!(place.attempt("keep states"));
    assert!(place.attempt("start a thread"));
}

#[test]
fn no_other_file_can_be_read() {
    if lacks(LayerKind::Files) {
        return;
    }
    let place = Place::new();
    for attempt in [
        "read another file",
        "read another file in a thread",
        "read through a link",
        "read the accounts",
        "read the server's environment",
        "list a directory",
    ] {
        assert!(!place.attempt(attempt), "{attempt}");
    }
}

#[test]
fn nothing_can_be_changed_but_states() {
    if lacks(LayerKind::Files) || lacks(LayerKind::Processes) {
        return;
    }
    let place = Place::new();
    for attempt in
        ["write the model", "write another file", "remove another file", "change another file's rights"]
    {
        assert!(!place.attempt(attempt), "{attempt}");
    }
}

#[test]
fn nobody_can_be_reached() {
    if lacks(LayerKind::Network) {
        return;
    }
    let place = Place::new();
    let (tcp, _unix) =
        (TcpListener::bind("127.0.0.1:0").unwrap(), UnixListener::bind(place.path("states/socket")));
    fs::write(place.path("states/port"), tcp.local_addr().unwrap().port().to_string()).unwrap();
    for attempt in ["connect", "listen", "send a datagram", "reach a local service"] {
        assert!(!place.attempt(attempt), "{attempt}");
    }
}

#[test]
fn no_process_can_be_started_or_signalled() {
    if lacks(LayerKind::Processes) {
        return;
    }
    let place = Place::new();
    assert!(!place.attempt("start a program"));
    assert!(!place.attempt("signal the parent"));
}

#[test]
fn memory_is_there_but_not_all_of_it() {
    if lacks(LayerKind::Memory) {
        return;
    }
    let place = Place::new();
    assert!(place.attempt("take some memory"));
    assert!(!place.attempt("take all memory"));
}
