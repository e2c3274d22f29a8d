//! Directories of states: what lies there, and what has to go because nobody used it for long or there is too much.
//!
//! Workers keep their own model's directory in order, the server those of all models: a model that is never loaded again
//! leaves nothing behind for ever.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::names;
use crate::Whose;

/// How the files of states end.
pub(super) const EXTENSION: &str = "state";
/// How they end while they are written.
pub(super) const UNFINISHED: &str = "unfinished";
/// What a worker that died left unfinished is older than this: no file takes so long to be written.
const UNFINISHED_MAX_AGE: Duration = Duration::from_secs(600);

/// A file of a state.
#[derive(Debug)]
pub(super) struct StateFile {
    pub(super) path: PathBuf,
    pub(super) size_bytes: u64,
    pub(super) used_at: SystemTime,
}

impl StateFile {
    pub(super) fn age(&self) -> Duration {
        SystemTime::now().duration_since(self.used_at).unwrap_or_default()
    }
}

/// Makes a directory that nobody but the server's account can look into.
pub(crate) fn make(directory: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    fs::set_permissions(directory, Permissions::from_mode(0o700))
}

/// Deletes in `directories` what nobody used for `max_age`, and then the longest unused until no more than `most_bytes` are
/// left in all of them together.
pub(crate) fn sweep(directories: &[PathBuf], most_bytes: u64, max_age: Duration) {
    let mut files: Vec<StateFile> =
        directories.iter().flat_map(|directory| list(directory, EXTENSION)).collect();
    let unfinished = directories.iter().flat_map(|directory| list(directory, UNFINISHED));
    for file in unfinished.filter(|file| file.age() > UNFINISHED_MAX_AGE) {
        delete(&file.path);
    }
    files.retain(|file| {
        let is_old = file.age() > max_age;
        if is_old {
            delete(&file.path);
        }
        !is_old
    });
    files.sort_by_key(|file| file.used_at);
    let mut total: u64 = files.iter().map(|file| file.size_bytes).sum();
    for file in files {
        if total <= most_bytes {
            return;
        }
        total -= file.size_bytes;
        delete(&file.path);
    }
}

/// Deletes what lies there of these, finished or not.
pub(crate) fn forget(directory: &Path, whose: Whose) {
    for (owner, file) in owned(directory) {
        if whose.includes(owner) {
            delete(&file.path);
        }
    }
}

/// Whose states lie there.
pub(crate) fn kept(directory: &Path) -> impl Iterator<Item = Whose> {
    owned(directory).map(|(owner, _)| owner)
}

fn owned(directory: &Path) -> impl Iterator<Item = (Whose, StateFile)> + use<> {
    let files = [EXTENSION, UNFINISHED].map(|extension| list(directory, extension));
    files.into_iter().flatten().filter_map(|file| {
        let owner = names::whose(file.path.file_name()?.to_str()?)?;
        Some((owner, file))
    })
}

/// The files of a directory with this ending; none where it cannot be read.
pub(super) fn list(directory: &Path, extension: &str) -> Vec<StateFile> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let files = entries.filter_map(|entry| {
        let path = entry.path();
        let metadata = entry.metadata().ok().filter(fs::Metadata::is_file)?;
        let has_ending = path.extension().is_some_and(|ending| ending == extension);
        let used_at = metadata.modified().ok()?;
        has_ending.then_some(StateFile { path, size_bytes: metadata.len(), used_at })
    });
    files.collect()
}

/// Deletes a file that may be gone already.
pub(super) fn delete(path: &Path) {
    if let Err(error) = fs::remove_file(path)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(path = %path.display(), %error, "a sequence state could not be deleted");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;

    fn file(directory: &Path, name: &str, size_bytes: u64, age: Duration) {
        let file = File::create(directory.join(name)).unwrap();
        file.set_len(size_bytes).unwrap();
        file.set_modified(SystemTime::now() - age).unwrap();
    }

    fn names(directory: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(directory)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn what_is_old_goes_and_then_what_is_longest_unused_of_all_models() {
        let root = tempfile::tempdir().unwrap();
        let [one, two] = ["one", "two"].map(|name| root.path().join(name));
        make(&one).unwrap();
        make(&two).unwrap();
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        file(&one, "a.state", 100, minutes(5));
        file(&one, "b.state", 100, minutes(1));
        file(&one, "c.unfinished", 100, minutes(1));
        file(&one, "d.unfinished", 100, minutes(100));
        file(&two, "e.state", 100, minutes(3));
        file(&two, "f.state", 1, minutes(61));
        file(&two, "other", 1_000, minutes(61));
        sweep(&[one.clone(), two.clone()], 200, minutes(60));
        assert_eq!(names(&one), ["b.state", "c.unfinished"]);
        assert_eq!(names(&two), ["e.state", "other"]);
    }

    #[test]
    fn only_the_servers_account_may_look_in() {
        let root = tempfile::tempdir().unwrap();
        let directory = root.path().join("states");
        fs::create_dir(&directory).unwrap();
        make(&directory).unwrap();
        assert_eq!(fs::metadata(&directory).unwrap().permissions().mode() & 0o777, 0o700);
    }
}
