//! Whether something that was built still fits what it was built from: names, sizes and times of the inputs, and
//! whatever else it depends on, written beside the result.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use crate::failure::{Doing, Outcome};

/// What a result was built from.
pub struct Stamp(String);

impl Stamp {
    /// Of all files below these paths, and of some words (versions, options).
    pub fn of(paths: &[PathBuf], words: &[&str]) -> Outcome<Self> {
        let mut text = String::new();
        for path in paths {
            add(&mut text, path)?;
        }
        for word in words {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{word}");
        }
        Ok(Self(text))
    }

    /// Whether the result beside which this file lies was built from the same.
    pub fn matches(&self, file: &Path) -> bool {
        fs::read_to_string(file).is_ok_and(|text| text == self.0)
    }

    /// Writes the stamp beside a result.
    pub fn write(&self, file: &Path) -> Outcome {
        fs::write(file, &self.0).doing(format_args!("write {}", file.display()))
    }
}

fn add(text: &mut String, path: &Path) -> Outcome {
    let facts = fs::metadata(path).doing(format_args!("look at {}", path.display()))?;
    if facts.is_dir() {
        let entries = fs::read_dir(path).doing(format_args!("read {}", path.display()))?;
        let mut entries: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
        entries.sort();
        return entries.iter().try_for_each(|entry| add(text, entry));
    }
    let changed =
        facts.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok()).unwrap_or_default();
    let _ = writeln!(text, "{} {} {}", path.display(), facts.len(), changed.as_nanos());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_file_is_noticed_and_an_unchanged_one_is_not() {
        let directory = tempfile::tempdir().unwrap();
        let input = directory.path().join("input");
        let stamp_file = directory.path().join("stamp");
        fs::write(&input, "one").unwrap();
        let now = || Stamp::of(std::slice::from_ref(&input), &["1.0"]).unwrap();
        now().write(&stamp_file).unwrap();
        assert!(now().matches(&stamp_file));
        fs::write(&input, "longer").unwrap();
        assert!(!now().matches(&stamp_file));
    }

    #[test]
    fn another_version_is_noticed() {
        let directory = tempfile::tempdir().unwrap();
        let stamp_file = directory.path().join("stamp");
        Stamp::of(&[], &["1.0"]).unwrap().write(&stamp_file).unwrap();
        assert!(!Stamp::of(&[], &["1.1"]).unwrap().matches(&stamp_file));
    }
}
