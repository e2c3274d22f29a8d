//! The scripted worker: where it is, and its end.

use std::fs;
use std::path::{Path, PathBuf};

use rustix::process::{Pid, Signal, kill_process};

use super::app::TestApp;

/// The variable that names the scripted worker.
const VARIABLE: &str = "ORIEL_SCRIPTED_WORKER";

/// The program of the variable, or the one that Cargo built beside this test.
pub fn scripted_worker() -> PathBuf {
    if let Some(path) = std::env::var_os(VARIABLE) {
        return path.into();
    }
    // A test program is target/<profile>/deps/<name>; binaries are one level up.
    let test = std::env::current_exe().expect("the test's own path");
    let found =
        test.ancestors().skip(1).map(|dir| dir.join("oriel-engine-scripted")).find(|path| path.is_file());
    found.unwrap_or_else(|| {
        panic!(
            "the scripted worker is not built: run `cargo build --package engine --bin oriel-engine-scripted` in the \
             same profile, or name it in {VARIABLE}"
        )
    })
}

impl TestApp {
    /// `kill -9` for the processes of all its models; tells how many those were.
    pub fn kill_workers(&self) -> usize {
        let workers = processes_in(&self.state().config.data_dir.join("engine"));
        workers.iter().filter(|worker| kill_process(**worker, Signal::KILL).is_ok()).count()
    }
}

/// The processes whose working directory this is.
fn processes_in(directory: &Path) -> Vec<Pid> {
    let directory = directory.canonicalize().expect("the engine's directory");
    let processes = fs::read_dir("/proc").expect("/proc").filter_map(|entry| entry.ok());
    let inside = processes.filter(|process| {
        fs::read_link(process.path().join("cwd")).is_ok_and(|working| working == directory)
    });
    inside.filter_map(|process| Pid::from_raw(process.file_name().to_str()?.parse().ok()?)).collect()
}
