//! The cluster that the tests of one machine share when nobody has named one.
//!
//! It cannot be stopped by "the last test", since there may be a process for each test. So every new database
//! renews a lease, a file whose time of change is looked at; a watcher beside the server, a few lines of
//! shell in a session of their own, stops it when the lease is over. The data stay for the next run.

use std::fs::{self, File, OpenOptions};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use nix::unistd::{Pid, Uid};

use crate::cluster::processes::{is_alive, read_pid};
use crate::cluster::server::{Running, Server};
use crate::{ClusterError, Durability};

/// Longer than any one test.
const LEASE_MINUTES: u32 = 10;

/// How long a server may take to stop after its lease was over.
const STOP_TIMEOUT: Duration = Duration::from_secs(30);

/// The decision to stop is a rename, which only one side can win: whoever renews a lease looks afterwards
/// whether the file is still there.
const WATCH: &str = r#"
while kill -0 "$PID" 2>/dev/null; do
    sleep 5
    if [ -z "$(find lease -mmin "-$MINUTES" 2>/dev/null)" ]; then
        mv lease over 2>/dev/null
        if [ -n "$(find over -mmin "-$MINUTES" 2>/dev/null)" ]; then
            mv over lease
        else
            rm -f "watcher-$PID"
            kill -INT "$PID"
        fi
    fi
done
"#;

/// The address of the shared cluster, which runs for at least some minutes from now on.
pub(super) async fn url() -> Result<String, ClusterError> {
    let directory = std::env::temp_dir().join(format!("oriel-test-{}", Uid::effective()));
    let server = Server::prepare(&directory, Durability::Fast).await?;
    let lock_path = directory.join("lease.lock");
    let lock = File::create(&lock_path).map_err(ClusterError::file("open", &lock_path))?;
    let lock = tokio::task::spawn_blocking(move || lock.lock().map(|()| lock))
        .await
        .map_err(std::io::Error::other)
        .flatten()
        .map_err(ClusterError::file("lock", &lock_path))?;
    if !renew(&directory) {
        wait_for_end(&server).await;
    }
    // Dropping the handle does not end the server: it outlives this process.
    if let Some(pid) = server.run().await?.pid() {
        watch(&directory, pid)?;
    }
    drop(lock);
    Ok(server.url("postgres"))
}

/// Renews a lease that is not over, and tells whether it was not.
fn renew(directory: &Path) -> bool {
    let lease = directory.join("lease");
    let renewed =
        OpenOptions::new().write(true).open(&lease).and_then(|file| file.set_modified(SystemTime::now()));
    renewed.is_ok() && lease.exists()
}

/// A server whose lease is over is being stopped.
async fn wait_for_end(server: &Server) {
    let Some(pid) = read_pid(&server.layout.pid_file()) else { return };
    let _ = tokio::time::timeout(STOP_TIMEOUT, Running::Adopted(pid).ended()).await;
}

/// Starts the watcher unless one watches this server.
fn watch(directory: &Path, pid: Pid) -> Result<(), ClusterError> {
    let note = directory.join(format!("watcher-{pid}"));
    if read_pid(&note).is_some_and(is_alive) {
        return Ok(());
    }
    let lease: PathBuf = directory.join("lease");
    File::create(&lease).map_err(ClusterError::file("write", &lease))?;
    let watcher = Command::new("sh")
        .args(["-c", WATCH])
        .env("PID", pid.to_string())
        .env("MINUTES", LEASE_MINUTES.to_string())
        .current_dir(directory)
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(ClusterError::file("run", Path::new("sh")))?;
    fs::write(&note, watcher.id().to_string()).map_err(ClusterError::file("write", &note))
}
