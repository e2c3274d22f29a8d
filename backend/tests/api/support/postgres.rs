//! A PostgreSQL of one test's own, that may be taken away, killed and brought back.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use store::{ClusterState, EmbeddedCluster};
use tempfile::TempDir;
use tokio_postgres::{Client, NoTls};

/// A database server. Durable, unlike the one that most tests share: what was committed survives a kill.
pub struct Postgres {
    cluster: Option<EmbeddedCluster>,
    url: String,
    directory: PathBuf,
    _made: Option<TempDir>,
}

impl Postgres {
    /// A new one that runs.
    pub async fn start() -> Self {
        let made = directory();
        let started = Self::start_in(made.path()).await;
        Self { _made: Some(made), ..started }
    }

    /// A new one in a directory of somebody else.
    pub async fn start_in(directory: &Path) -> Self {
        let cluster = run(directory).await;
        let url = cluster.database_url();
        Self { cluster: Some(cluster), url, directory: directory.to_owned(), _made: None }
    }

    /// Its address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Stops it: until it is brought back nobody can connect.
    pub async fn take_away(&mut self) {
        let cluster = self.cluster.take().expect("a PostgreSQL that runs");
        cluster.stop().await.expect("a PostgreSQL that stops");
    }

    /// Starts it again.
    pub async fn bring_back(&mut self) {
        self.cluster = Some(run(&self.directory).await);
    }

    /// `kill -9`, and returns when it takes connections again: whoever runs it has noticed.
    pub async fn kill(&self) {
        let mut state = self.cluster.as_ref().expect("a PostgreSQL that runs").watch();
        let ClusterState::Running { pid, restarts } = *state.borrow_and_update() else {
            panic!("it does not run")
        };
        kill(pid);
        let again = |state: &ClusterState| matches!(state, ClusterState::Running { restarts: now, .. } if *now > restarts);
        state.wait_for(again).await.expect("somebody who starts it again");
    }
}

/// The PostgreSQL that a server runs by itself in its data directory, as seen from outside. What is left of it at the end
/// is killed.
pub struct PrivatePostgres {
    directory: PathBuf,
}

impl PrivatePostgres {
    /// The one of a server with this data directory.
    pub fn of(data_dir: &Path) -> Self {
        Self { directory: data_dir.join("postgres") }
    }

    /// Its process; none where it does not run.
    pub fn pid(&self) -> Option<u32> {
        let file = fs::read_to_string(self.directory.join("data/postmaster.pid")).ok()?;
        let pid = file.lines().next()?.parse().ok()?;
        fs::exists(format!("/proc/{pid}")).unwrap_or_default().then_some(pid)
    }

    /// Processes that it has started.
    pub fn children(&self) -> Vec<u32> {
        let pid = self.pid().expect("a PostgreSQL that runs");
        let list = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).expect("its children");
        list.split_whitespace().map(|child| child.parse().expect("a process")).collect()
    }

    /// A connection beside the server's own.
    pub async fn client(&self) -> Client {
        let mut config = tokio_postgres::Config::new();
        config.host_path(&self.directory).user("oriel").dbname("oriel");
        let (client, connection) = config.connect(NoTls).await.expect("a connection");
        tokio::spawn(connection);
        client
    }
}

impl Drop for PrivatePostgres {
    fn drop(&mut self) {
        if let Some(pid) = self.pid() {
            let _ = Command::new("kill").args(["-9", &pid.to_string()]).status();
        }
    }
}

/// A file system of some megabytes, in memory.
pub struct SmallDisk {
    directory: TempDir,
}

impl SmallDisk {
    /// Mounts it.
    ///
    /// # Panics
    /// Where that is not allowed: only root may. Tests that need it are run by `cargo xtask test disk`, which says so.
    pub fn mount(size_mib: u32) -> Self {
        let directory = directory();
        let options = format!("size={size_mib}m,mode=755");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "tmpfs"])
            .arg(directory.path())
            .status()
            .expect("mount");
        assert!(mounted.success(), "this test has to mount a file system of its own: run it as root");
        Self { directory }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Takes all room that is left.
    pub fn fill(&self) {
        let mut filler = File::create(self.filler()).expect("a file");
        let piece = vec![b'x'; 4096];
        let error = std::iter::repeat_with(|| filler.write_all(&piece)).find_map(Result::err);
        assert_eq!(error.map(|error| error.kind()), Some(std::io::ErrorKind::StorageFull));
    }

    /// Gives it back.
    pub fn make_room(&self) {
        fs::remove_file(self.filler()).expect("the file that filled the disk");
    }

    fn filler(&self) -> PathBuf {
        self.path().join("filler")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: the server may be about to end still.
        let _ = Command::new("umount").arg("--lazy").arg(self.path()).status();
    }
}

/// A directory that the account of PostgreSQL may enter.
pub fn directory() -> TempDir {
    let directory = tempfile::Builder::new().prefix("oriel-outage-").tempdir().expect("a directory");
    let open = fs::Permissions::from_mode(0o755);
    fs::set_permissions(directory.path(), open).expect("an open directory");
    directory
}

/// `kill -9`.
pub fn kill(pid: impl ToString) {
    let killed = Command::new("kill").args(["-9", &pid.to_string()]).status().expect("kill");
    assert!(killed.success(), "process {} cannot be killed", pid.to_string());
}

async fn run(directory: &Path) -> EmbeddedCluster {
    EmbeddedCluster::start(directory).await.unwrap_or_else(|error| panic!("{error}"))
}
