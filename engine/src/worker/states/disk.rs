//! The states on disk, for the thread that reads and writes them beside the decoder's.
//!
//! A file is written whole under another name before it gets its own, and read whole and checked before anybody sees it. It
//! is not forced onto the disk: what a power failure leaves of it is found out by its checksum, and costs one reading.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, BufWriter};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender};
use std::time::{Duration, SystemTime};

use super::directory::{self, EXTENSION, StateFile};
use super::file::{self, Content, FileError, Outgoing};
use super::names::Names;
use super::{Identity, Label, State, StateId};
use crate::StateBudget;
use crate::worker::serve::Inbox;

/// What is to be done on disk.
#[derive(Debug)]
pub(crate) enum DiskJob {
    /// Write a state that was used so long ago.
    Write { id: StateId, state: Arc<State>, age: Duration },
    /// Finish the file that the decoder has written, under the name for unfinished ones.
    Finish { id: StateId, label: Arc<Label> },
    /// Read one.
    Read { id: StateId, label: Arc<Label> },
    /// Note that one was used.
    Touch { label: Arc<Label> },
    /// Delete one.
    Delete { label: Arc<Label> },
}

/// What came of a job.
#[derive(Debug)]
pub(crate) enum DiskNews {
    /// Of a write, and of finishing one.
    Written { id: StateId, is_written: bool },
    /// Of a read; none where the file is gone or of no use.
    Read { id: StateId, found: Option<Found> },
}

/// A state that was read and found good.
#[derive(Debug)]
pub(crate) enum Found {
    /// Its bytes.
    Bytes(Vec<u8>),
    /// A file that only the decoder can read.
    File(PathBuf),
}

/// A state that was found on disk.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) label: Label,
    /// For how long nobody has used it.
    pub(crate) age: Duration,
}

/// The directory of one model's states.
#[derive(Debug)]
pub(crate) struct Disk {
    budget: StateBudget,
    identity: Identity,
    names: Names,
}

impl Disk {
    /// A directory that exists, for states of the model that `identity` tells, with those that it holds. None where nothing
    /// may be kept on disk.
    pub(crate) fn open(budget: StateBudget, identity: Identity) -> Option<(Self, Vec<Kept>)> {
        if budget.disk_bytes == 0 {
            return None;
        }
        let names = Names::new(&budget.directory, identity);
        let disk = Self { budget, identity, names };
        disk.sweep(0);
        let files = directory::list(&disk.budget.directory, EXTENSION);
        let kept = files.iter().filter_map(|file| disk.look_at(file)).collect();
        Some((disk, kept))
    }

    /// Does one job.
    pub(crate) fn run(&self, job: DiskJob) -> Option<DiskNews> {
        match job {
            DiskJob::Write { id, state, age } => {
                Some(self.tell_written(id, &state.label, self.write(&state, age)))
            }
            DiskJob::Finish { id, label } => Some(self.tell_written(id, &label, self.finish(&label))),
            DiskJob::Read { id, label } => Some(DiskNews::Read { id, found: self.read(&label) }),
            DiskJob::Touch { label } => {
                if let Ok(file) = File::options().write(true).open(self.names.finished(&label)) {
                    // It only counts as used less lately.
                    let _ = file.set_modified(SystemTime::now());
                }
                None
            }
            DiskJob::Delete { label } => {
                directory::delete(&self.names.finished(&label));
                None
            }
        }
    }

    fn write(&self, state: &State, age: Duration) -> Result<(), FileError> {
        let outgoing = Outgoing::new(state, &self.identity)?;
        if outgoing.size_bytes() > self.budget.disk_bytes {
            return Err(FileError::TooLarge);
        }
        self.sweep(outgoing.size_bytes());
        let unfinished = self.names.unfinished(&state.label);
        write_to(&unfinished, &outgoing, age)?;
        Ok(fs::rename(&unfinished, self.names.finished(&state.label))?)
    }

    /// The file was written without making room before: that can be said only now.
    fn finish(&self, label: &Label) -> Result<(), FileError> {
        let unfinished = self.names.unfinished(label);
        let file = File::options().read(true).append(true).open(&unfinished)?;
        file::seal(&file, label, &self.identity)?;
        let size_bytes = file.metadata()?.len();
        if size_bytes > self.budget.disk_bytes {
            return Err(FileError::TooLarge);
        }
        self.sweep(size_bytes);
        Ok(fs::rename(&unfinished, self.names.finished(label))?)
    }

    fn tell_written(&self, id: StateId, label: &Label, written: Result<(), FileError>) -> DiskNews {
        if let Err(error) = &written {
            tracing::warn!(%error, "a sequence state could not be written");
            directory::delete(&self.names.unfinished(label));
        }
        DiskNews::Written { id, is_written: written.is_ok() }
    }

    /// A state. A file that is of no use is deleted.
    fn read(&self, label: &Label) -> Option<Found> {
        let path = self.names.finished(label);
        let read = open(&path, &self.identity).and_then(|(file, opened)| {
            if opened.label != *label {
                return Err(FileError::OtherTokens);
            }
            let content = opened.read()?;
            let _ = file.set_modified(SystemTime::now());
            Ok(match content {
                Content::Bytes(bytes) => Found::Bytes(bytes),
                Content::Own => Found::File(path.clone()),
            })
        });
        read.map_err(|error| discard(&path, &error)).ok()
    }

    fn look_at(&self, file: &StateFile) -> Option<Kept> {
        let opened = open(&file.path, &self.identity).and_then(|(_, opened)| {
            let is_in_its_place = self.names.finished(&opened.label) == file.path;
            if is_in_its_place { Ok(opened) } else { Err(FileError::OtherTokens) }
        });
        let opened = opened.map_err(|error| discard(&file.path, &error)).ok()?;
        Some(Kept { label: opened.label, age: file.age() })
    }

    /// Makes room for so many bytes.
    fn sweep(&self, room_bytes: u64) {
        let directory = std::slice::from_ref(&self.budget.directory);
        let most_bytes = self.budget.disk_bytes.saturating_sub(room_bytes);
        directory::sweep(directory, most_bytes, self.budget.max_age);
    }
}

/// Does `jobs` until their sender or the receiver has gone.
pub(crate) fn serve(disk: &Disk, jobs: &Receiver<DiskJob>, inbox: &SyncSender<Inbox>) {
    for job in jobs {
        if let Some(news) = disk.run(job)
            && inbox.send(Inbox::Disk(news)).is_err()
        {
            return;
        }
    }
}

fn write_to(path: &Path, outgoing: &Outgoing<'_>, age: Duration) -> io::Result<()> {
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    outgoing.write(BufWriter::new(&file))?;
    file.set_modified(SystemTime::now() - age)
}

fn open(path: &Path, identity: &Identity) -> Result<(File, file::Opened<BufReader<File>>), FileError> {
    let file = File::options().read(true).write(true).open(path)?;
    let size_bytes = file.metadata()?.len();
    let opened = file::open(BufReader::new(file.try_clone()?), size_bytes, identity)?;
    Ok((file, opened))
}

fn discard(path: &Path, error: &FileError) {
    let path_shown = path.display();
    match error {
        FileError::Io(error) if error.kind() == io::ErrorKind::NotFound => {}
        FileError::OtherModel => {
            tracing::info!(path = %path_shown, "a sequence state of another model is deleted")
        }
        error => tracing::warn!(path = %path_shown, %error, "a sequence state cannot be used and is deleted"),
    }
    directory::delete(path);
}
