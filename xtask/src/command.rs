//! Runs programs: shows what failed, and ends them when the run is interrupted.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::failure::{Doing, Failure, Outcome};
use crate::interrupt;

/// Runs a program to its end; its output goes where ours goes.
pub fn run(command: &mut Command) -> Outcome {
    let shown = show(command);
    let mut child = command.spawn().doing(format_args!("start `{shown}`"))?;
    let watched = interrupt::end_on_interrupt(child.id());
    let status = child.wait().doing(format_args!("wait for `{shown}`"))?;
    drop(watched);
    if status.success() { Ok(()) } else { Err(Failure::new(format!("`{shown}` ended with {status}"))) }
}

/// Runs a program to its end and shows its output only when it fails.
pub fn run_quietly(command: &mut Command) -> Outcome {
    capture(command).map(drop)
}

/// Runs a program to its end and returns what it wrote to stdout.
pub fn capture(command: &mut Command) -> Outcome<String> {
    let shown = show(command);
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .doing(format_args!("start `{shown}`"))?;
    let watched = interrupt::end_on_interrupt(child.id());
    let output = child.wait_with_output().doing(format_args!("wait for `{shown}`"))?;
    drop(watched);
    let stdout = String::from_utf8_lossy(&output.stdout);
    if output.status.success() {
        return Ok(stdout.trim_end().to_owned());
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    Err(Failure::new(format!("`{shown}` ended with {}\n{stdout}{stderr}", output.status)))
}

/// Whether a program runs to a good end; says nothing.
pub fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|it| it.success())
}

/// Where a program is, on PATH or in the directories of the system's own programs, which are not on everybody's PATH.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin", "/usr/local/sbin"].map(PathBuf::from))
        .map(|directory| directory.join(program))
        .find(|candidate| candidate.is_file())
}

/// PATH with these directories in front.
pub fn path_with(directories: &[PathBuf]) -> Outcome<std::ffi::OsString> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::join_paths(directories.iter().cloned().chain(std::env::split_paths(&path))).doing("extend PATH")
}

/// The command as one would type it.
pub fn show(command: &Command) -> String {
    std::iter::once(command.get_program()).chain(command.get_args()).map(quote).collect::<Vec<_>>().join(" ")
}

fn quote(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let plain = !word.is_empty() && word.chars().all(|c| c.is_alphanumeric() || "-_./=:,+@%".contains(c));
    if plain { word.into_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}
