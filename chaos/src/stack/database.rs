//! PostgreSQL with the settings of an installation: what is committed survives a crash. It is the private cluster that
//! the server itself would run, started and watched by this test, so that several servers can share it.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use store::{ClusterState, EmbeddedCluster};
use tokio::process::{Child, Command};
use tokio_postgres::{Client, NoTls};

use crate::dice::Dice;
use crate::failure::{Doing, Outcome};

/// A connection that takes longer is not coming: the socket is on this machine.
const CONNECT_PATIENCE: Duration = Duration::from_secs(3);

/// Ends PostgreSQL where this program is killed: the cluster itself would live on and wait to be adopted. It reads from a
/// pipe that ends with us.
const GUARD: &str = "read -r _; [ ! -f \"$0\" ] || kill -INT \"$(head -n 1 \"$0\")\"";

/// The database of a run.
pub struct Database {
    cluster: EmbeddedCluster,
    url: String,
    log: PathBuf,
    guard: Child,
}

impl Database {
    /// Makes the cluster and starts it.
    pub async fn start(data: &Path) -> Outcome<Self> {
        let cluster = EmbeddedCluster::start(data).await.doing("start PostgreSQL")?;
        let pid_file = data.join("postgres/data/postmaster.pid");
        let guard = Command::new("sh")
            .args(["-c", GUARD])
            .arg(pid_file)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .doing("start sh")?;
        let url = cluster.database_url();
        Ok(Self { cluster, url, log: data.join("postgres/server.log"), guard })
    }

    /// For `DATABASE_URL`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What the server complained about.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// A connection of the test's own.
    pub async fn client(&self) -> Outcome<Client> {
        let connecting = tokio::time::timeout(CONNECT_PATIENCE, tokio_postgres::connect(&self.url, NoTls));
        let (client, connection) =
            connecting.await.doing("connect to PostgreSQL")?.doing("connect to PostgreSQL")?;
        tokio::spawn(connection);
        Ok(client)
    }

    /// Kills the postmaster, once one runs.
    pub async fn kill(&self) -> bool {
        let mut state = self.cluster.watch();
        let running = state.wait_for(|state| matches!(state, ClusterState::Running { .. })).await;
        let pid = match running.as_deref() {
            Ok(ClusterState::Running { pid, .. }) => *pid,
            _ => return false,
        };
        kill(Pid::from_raw(pid), Signal::SIGKILL).is_ok()
    }

    /// Kills one of the processes that serve a connection of the servers; PostgreSQL then ends all of them and recovers.
    pub async fn kill_one_backend(&self, dice: &mut Dice) -> bool {
        let Ok(client) = self.client().await else { return false };
        let others = "SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()";
        let Ok(rows) = client.query(others, &[]).await else { return false };
        let pids: Vec<i32> = rows.iter().map(|row| row.get(0)).collect();
        dice.pick(&pids).is_some_and(|pid| kill(Pid::from_raw(*pid), Signal::SIGKILL).is_ok())
    }

    /// Ends it.
    pub async fn stop(mut self) -> Outcome {
        self.cluster.stop().await.doing("stop PostgreSQL")?;
        drop(self.guard.stdin.take());
        self.guard.wait().await.doing("wait for sh").map(drop)
    }
}
