//! Reads the project's own source files, for the checks that no tool knows.

use std::fs;
use std::path::Path;

use crate::failure::{Doing, Outcome};
use crate::place;

/// A line of a source file.
pub struct Line {
    /// The file's path from the root of the clone.
    pub file: String,
    /// Counted from 1.
    pub number: usize,
    /// Without the line's end.
    pub text: String,
}

/// All lines of code (comments left out) of the Rust files below a directory of the clone.
pub fn lines(directory: &str) -> Outcome<Vec<Line>> {
    let mut lines = Vec::new();
    collect(&place::root().join(directory), &mut lines)?;
    Ok(lines)
}

fn collect(directory: &Path, lines: &mut Vec<Line>) -> Outcome {
    for entry in fs::read_dir(directory).doing(format_args!("read {}", directory.display()))?.flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, lines)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).doing(format_args!("read {}", path.display()))?;
            let file = path.strip_prefix(place::root()).unwrap_or(&path).display().to_string();
            lines.extend(
                text.lines()
                    .zip(1..)
                    .filter(|(text, _)| !text.trim_start().starts_with("//"))
                    .map(|(text, number)| Line { file: file.clone(), number, text: text.to_owned() }),
            );
        }
    }
    Ok(())
}
