//! Where everything of the private PostgreSQL is.
//!
//! ```text
//! <data directory>/postgres/            0700, of the account that runs it
//!     data/                             the cluster
//!     data.new/                         a cluster that is being made
//!     .s.PGSQL.5432                     the socket, unless the path is too long
//!     lock                              held while somebody starts or adopts the server
//!     server.log
//! ```

use std::fs::{self, DirBuilder, File};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::ClusterError;
use super::account::Account;

/// Longest path of a Unix socket: `sun_path` of Linux has 108 bytes with the final zero, that of macOS 104.
const SOCKET_PATH_MAX_BYTES: usize = if cfg!(target_os = "linux") { 107 } else { 103 };

/// The port is part of the socket's name and nothing else: the server does not listen on TCP.
pub(crate) const PORT: u16 = 5432;

/// The paths of one cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    /// The directory of it all.
    pub root: PathBuf,
    /// PGDATA.
    pub data: PathBuf,
    /// Where the socket is.
    pub socket_directory: PathBuf,
}

impl Layout {
    /// The layout below a data directory, which must exist.
    pub fn below(data_directory: &Path) -> Result<Self, ClusterError> {
        let data_directory =
            fs::canonicalize(data_directory).map_err(ClusterError::file("look at", data_directory))?;
        let root = data_directory.join("postgres");
        let socket_directory = socket_directory(&root);
        Ok(Self { data: root.join("data"), socket_directory, root })
    }

    /// The log of the server.
    pub fn log(&self) -> PathBuf {
        self.root.join("server.log")
    }

    /// The file by which a running server is known.
    pub fn pid_file(&self) -> PathBuf {
        self.data.join("postmaster.pid")
    }

    /// Makes the directories, for the account alone.
    pub fn create(&self, account: &Account) -> Result<(), ClusterError> {
        if let Some(parent) = self.root.parent() {
            account.check_way(parent)?;
        }
        private_directory(&self.root, account)?;
        if self.socket_directory != self.root {
            private_directory(&self.socket_directory, account)?;
        }
        Ok(())
    }

    /// Waits until nobody else makes, starts or adopts the server; until the file is closed nobody does.
    pub async fn lock(&self, account: &Account) -> Result<File, ClusterError> {
        let path = self.root.join("lock");
        let file = File::create(&path).map_err(ClusterError::file("open", &path))?;
        account.own(&path)?;
        // The wait is as long as somebody else's start: not on a thread that runs tasks.
        tokio::task::spawn_blocking(move || file.lock().map(|()| file))
            .await
            .map_err(std::io::Error::other)
            .flatten()
            .map_err(ClusterError::file("lock", &path))
    }

    /// The major version that wrote the cluster; none where there is no cluster yet.
    pub fn version(&self) -> Option<u32> {
        let text = fs::read_to_string(self.data.join("PG_VERSION")).ok()?;
        text.trim().split('.').next()?.parse().ok()
    }
}

/// Beside the data, or, where that path is too long for a socket, a short one that only depends on it.
fn socket_directory(root: &Path) -> PathBuf {
    let socket = root.join(format!(".s.PGSQL.{PORT}"));
    if socket.as_os_str().len() <= SOCKET_PATH_MAX_BYTES {
        return root.to_owned();
    }
    let digest = Sha256::digest(root.as_os_str().as_encoded_bytes());
    let name: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    Path::new("/tmp").join(format!("oriel-{name}"))
}

/// A directory that belongs to `account` and that nobody else may enter. In /tmp somebody else may have been
/// there first.
fn private_directory(path: &Path, account: &Account) -> Result<(), ClusterError> {
    if let Err(cause) = DirBuilder::new().mode(0o700).create(path)
        && cause.kind() != std::io::ErrorKind::AlreadyExists
    {
        return Err(ClusterError::File { action: "make the directory", path: path.to_owned(), cause });
    }
    let look = || fs::symlink_metadata(path).map_err(ClusterError::file("look at", path));
    let metadata = look()?;
    if !metadata.is_dir() {
        return Err(ClusterError::SocketDirectory { directory: path.to_owned() });
    }
    // Root has just made it and gives it away.
    if metadata.uid() == 0 && account.uid() != 0 {
        account.own(path)?;
    }
    if look()?.uid() != account.uid() {
        return Err(ClusterError::SocketDirectory { directory: path.to_owned() });
    }
    fs::set_permissions(path, fs::Permissions::from_mode(0o700)).map_err(ClusterError::file("close", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_socket_stands_beside_the_data_where_its_path_is_short_enough() {
        let root = Path::new("/var/lib/oriel/postgres");
        assert_eq!(socket_directory(root), root);
    }

    #[test]
    fn a_path_that_is_too_long_gets_a_short_directory_of_its_own() {
        let long = PathBuf::from(format!("/{}", "long/".repeat(30)));
        let other = PathBuf::from(format!("/{}", "lang/".repeat(30)));
        let socket = socket_directory(&long).join(format!(".s.PGSQL.{PORT}"));
        assert!(socket.as_os_str().len() <= SOCKET_PATH_MAX_BYTES, "{}", socket.display());
        assert_eq!(socket_directory(&long), socket_directory(&long));
        assert_ne!(socket_directory(&long), socket_directory(&other));
    }
}
