//! Why the private PostgreSQL does not run: each says what to do.

use std::io;
use std::path::{Path, PathBuf};

use crate::error::Kind;

/// Why the private PostgreSQL does not run.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// No server programs anywhere.
    #[error(
        "PostgreSQL {minimum} or newer is not installed. Debian, Ubuntu: sudo apt install postgresql; Fedora: sudo dnf \
         install postgresql-server; Arch: sudo pacman -S postgresql; macOS: brew install postgresql@17. Or set \
         DATABASE_URL to a server that you have. Looked in: {}", list(.searched)
    )]
    NotInstalled {
        /// The oldest version that works.
        minimum: u32,
        /// Directories without the programs, or with older ones.
        searched: Vec<PathBuf>,
    },
    /// The data are of a version that is not installed.
    #[error(
        "the data in {data} were written by PostgreSQL {wanted}, which is not installed: install it (Debian, Ubuntu: \
         sudo apt install postgresql-{wanted}), or set DATABASE_URL to a server that has the data"
    )]
    OtherVersion {
        /// The data directory of the cluster.
        data: PathBuf,
        /// The version that wrote it.
        wanted: u32,
    },
    /// We are root, PostgreSQL refuses root, and there is nobody else.
    #[error(
        "PostgreSQL does not run as root, and there is no account `oriel` or `postgres` to run it as: make one with \
         `useradd --system oriel`, or start Oriel as another user"
    )]
    NoAccount,
    /// The account that runs PostgreSQL cannot get to the data directory.
    #[error(
        "PostgreSQL runs as the account `{account}`, which may not enter {directory}: set DATA_DIR to a directory \
         outside of it, for example /var/lib/oriel, or start Oriel as the owner of that directory"
    )]
    NoWay {
        /// The account.
        account: String,
        /// The directory that stops it.
        directory: PathBuf,
    },
    /// Somebody else has made the directory that would hold the socket.
    #[error("{directory} belongs to somebody else: remove it, or set DATA_DIR to a shorter path")]
    SocketDirectory {
        /// Which.
        directory: PathBuf,
    },
    /// The system refused a file.
    #[error("cannot {action} {path}: {cause}")]
    File {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        #[source]
        cause: io::Error,
    },
    /// A program of PostgreSQL failed.
    #[error("{program} failed: {output}")]
    Program {
        /// Which.
        program: PathBuf,
        /// What it said.
        output: String,
    },
    /// The server ended, or did not answer, while it was started.
    #[error("PostgreSQL did not start; {log} ends with: {tail}")]
    NotStarted {
        /// Its log.
        log: PathBuf,
        /// The end of it.
        tail: String,
    },
    /// The server runs, but does not let us make the database.
    #[error("the private PostgreSQL refuses us: {0}")]
    Refused(#[source] tokio_postgres::Error),
    /// The server goes on after it was told to stop.
    #[error("PostgreSQL (process {pid}) did not stop within {waited_s} s")]
    NotStopped {
        /// Its process id.
        pid: i32,
        /// How long we waited.
        waited_s: u64,
    },
}

impl ClusterError {
    /// Whether there is no room left on the disk.
    pub fn is_full(&self) -> bool {
        match self {
            Self::NotStarted { tail, .. } => Kind::of_text(tail) == Kind::Full,
            Self::Program { output, .. } => Kind::of_text(output) == Kind::Full,
            Self::File { cause, .. } => cause.kind() == io::ErrorKind::StorageFull,
            _ => false,
        }
    }

    pub(crate) fn file(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |cause| Self::File { action, path, cause }
    }
}

fn list(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}
