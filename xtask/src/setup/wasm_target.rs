//! Rust's standard library for WebAssembly, which the page is compiled against. Tried in order: what is there, rustup,
//! an archive that the person has, and building it from the compiler's own source as Debian packages it.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::wasm_source;
use crate::command;
use crate::failure::{Doing, Failure, Outcome};
use crate::place;
use crate::report::{Done, doing};

/// The target's name.
pub const TARGET: &str = "wasm32-unknown-unknown";
/// Names a tar archive of `<target>/lib/*.rlib`, for machines that reach nothing else.
const ARCHIVE: &str = "ORIEL_WASM_STD_ARCHIVE";

/// Installs the target where it is missing.
pub fn install() -> Outcome<Done> {
    let rustlib = rustlib()?;
    if is_installed(&rustlib) {
        return Ok(Done::AlreadyThere(TARGET.into()));
    }
    forget_compiled()?;
    let mut tried = Vec::new();
    if command::find("rustup").is_some() {
        doing(&format!("rustup target add {TARGET}"));
        match command::run_quietly(Command::new("rustup").args(["target", "add", TARGET])) {
            Ok(()) if is_installed(&rustlib) => return Ok(Done::Made("by rustup".into())),
            Ok(()) => tried.push("rustup: added it to another toolchain than the one in use".into()),
            Err(failure) => tried.push(format!("rustup: {}", last_line(&failure))),
        }
    }
    match std::env::var_os(ARCHIVE) {
        Some(archive) => {
            doing(&format!("unpacking {}", Path::new(&archive).display()));
            command::run_quietly(Command::new("tar").arg("-xf").arg(&archive).arg("-C").arg(&rustlib))?;
            if is_installed(&rustlib) {
                return Ok(Done::Made(format!("from {}", Path::new(&archive).display())));
            }
            tried.push(format!("{ARCHIVE}: the archive holds no {TARGET}/lib"));
        }
        None => tried.push(format!("{ARCHIVE}: not set")),
    }
    match wasm_source::build(&rustlib) {
        Ok(()) if is_installed(&rustlib) => return Ok(Done::Made("built from Debian's rust-src".into())),
        Ok(()) => tried.push("Debian's rust-src: built, but the library is not where it should be".into()),
        Err(failure) => tried.push(format!("Debian's rust-src: {failure}")),
    }
    Err(Failure::new(format!(
        "the compiler lacks {TARGET} and nothing could install it.\n  - {}\nInstall it by hand (`rustup target add \
         {TARGET}`, or your system's package for it), or set {ARCHIVE}.",
        tried.join("\n  - ")
    )))
}

/// Removes what was compiled against a library that is gone: Cargo does not see that the new one is another.
fn forget_compiled() -> Outcome {
    let compiled = place::target().join(TARGET);
    if compiled.is_dir() {
        std::fs::remove_dir_all(&compiled).doing(format!("remove {}", compiled.display()))?;
    }
    Ok(())
}

/// `<sysroot>/lib/rustlib` of the compiler in use.
fn rustlib() -> Outcome<PathBuf> {
    let sysroot = command::capture(Command::new("rustc").args(["--print", "sysroot"]))?;
    let rustlib = Path::new(&sysroot).join("lib/rustlib");
    if rustlib.is_dir() {
        Ok(rustlib)
    } else {
        Err(Failure::new(format!("{} is missing", rustlib.display())))
    }
}

fn is_installed(rustlib: &Path) -> bool {
    let libraries = std::fs::read_dir(rustlib.join(TARGET).join("lib")).doing("read the target's libraries");
    libraries.is_ok_and(|entries| {
        entries.flatten().any(|entry| entry.file_name().to_string_lossy().starts_with("libstd-"))
    })
}

fn last_line(failure: &Failure) -> String {
    failure
        .to_string()
        .lines()
        .rev()
        .find(|line| !line.trim().is_empty())
        .unwrap_or_default()
        .trim()
        .to_owned()
}
