//! Compresses the files of the page beforehand, as hard as it goes: nginx only sends them.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::command;
use crate::failure::{Doing, Outcome};

/// Shorter files do not become shorter on the wire: they fit one packet anyway.
const WORTH_IT_BYTES: u64 = 1024;

/// Puts `<file>.br` and `<file>.gz` beside each file of a directory that gains from it.
pub fn directory(directory: &Path) -> Outcome {
    for entry in fs::read_dir(directory).doing(format_args!("read {}", directory.display()))?.flatten() {
        let path = entry.path();
        let size_bytes = entry.metadata().map_or(0, |facts| facts.len());
        let compressible = path.extension().is_some_and(|it| {
            ["html", "js", "wasm", "svg", "css", "json", "webmanifest"].iter().any(|e| it == *e)
        });
        // Written anew when nginx starts: a compressed copy would be out of date.
        let is_settings = path.file_name().is_some_and(|name| name == "config.json");
        if compressible && !is_settings && size_bytes > WORTH_IT_BYTES {
            command::run_quietly(Command::new("brotli").args(["--best", "--force", "--keep"]).arg(&path))?;
            command::run_quietly(
                Command::new("gzip").args(["-9", "--force", "--keep", "--no-name"]).arg(&path),
            )?;
        }
    }
    Ok(())
}

/// Bytes that a browser fetches to be able to chat, where it takes brotli.
pub fn transferred_bytes(directory: &Path) -> Outcome<u64> {
    let entries = fs::read_dir(directory).doing(format_args!("read {}", directory.display()))?;
    let mut sum = 0;
    for path in entries.flatten().map(|entry| entry.path()) {
        let extension = path.extension().and_then(|it| it.to_str()).unwrap_or_default();
        if ["br", "gz", "stamp"].contains(&extension) {
            continue;
        }
        let compressed = path.with_extension(format!("{extension}.br"));
        let sent = if compressed.is_file() { compressed } else { path };
        sum += fs::metadata(&sent).doing(format_args!("look at {}", sent.display()))?.len();
    }
    Ok(sum)
}
