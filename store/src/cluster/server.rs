//! One server process: making its cluster, finding it, starting it, stopping it.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::{Child, Command};
use tokio::time::Instant;
use tokio_postgres::NoTls;
use tokio_postgres::error::SqlState;

use super::account::Account;
use super::layout::{Layout, PORT};
use super::processes::{is_alive, is_postgres, may_work_in, processes_in, read_pid};
use super::programs::Programs;
use super::{ClusterError, Durability};

/// The superuser of the cluster. There is no password: who can open the socket is let in.
const SUPERUSER: &str = "oriel";

/// Between two looks at a server that starts or stops.
const POLL: Duration = Duration::from_millis(25);

/// A server that has said nothing for this long is not coming. One that recovers after a crash says so, and
/// is waited for as long as it does.
const SILENCE: Duration = Duration::from_secs(60);

/// How long the children of a killed server may take to notice it.
const ORPHANS_GO_WITHIN: Duration = Duration::from_secs(1);

/// A process id in the pid file that lives but does not open the socket for this long is somebody else's.
const FOREIGN_AFTER: Duration = Duration::from_secs(10);

/// A fast shutdown writes a checkpoint; after this long the server is told to skip it.
const STOP_TIMEOUT: Duration = Duration::from_secs(30);

/// A log of this size is begun again at the next start. It only has warnings.
const LOG_MAX_BYTES: u64 = 8 * 1024 * 1024;

/// Bytes of the log that an error shows.
const LOG_TAIL_BYTES: u64 = 2_000;

/// For a machine that mostly runs a model: little memory, few connections, no network.
const SETTINGS: [&str; 14] = [
    "listen_addresses=",
    "unix_socket_permissions=0700",
    // One server of Oriel (16), its tools, and a few for people.
    "max_connections=50",
    // The working set of a household of chats; the system's cache has the rest.
    "shared_buffers=64MB",
    "work_mem=4MB",
    "maintenance_work_mem=32MB",
    // Compiling a query takes longer than any of ours.
    "jit=off",
    // Half of what a small disk can spare; a long checkpoint interval keeps full-page writes rare.
    "max_wal_size=256MB",
    "checkpoint_timeout=15min",
    "wal_compression=on",
    "timezone=UTC",
    "log_timezone=UTC",
    "lc_messages=C",
    "logging_collector=off",
];

/// After a crash everything is synchronised before the recovery. File by file that takes seconds, in which all answers
/// pause; only Linux can do it at once.
const RECOVERY_SETTINGS: &[&str] =
    if cfg!(target_os = "linux") { &["recovery_init_sync_method=syncfs"] } else { &[] };

/// For tests, whose data need not outlive the machine.
const FAST_SETTINGS: [&str; 4] =
    ["fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=300"];

/// A cluster with everything that is needed to run it.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    pub layout: Layout,
    pub account: Account,
    pub programs: Programs,
    pub durability: Durability,
}

/// A server that runs.
#[derive(Debug)]
pub(crate) enum Running {
    /// We started it.
    Started(Child),
    /// An earlier process of ours did.
    Adopted(Pid),
}

impl Running {
    /// Its process.
    pub fn pid(&self) -> Option<Pid> {
        match self {
            Self::Started(child) => child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw),
            Self::Adopted(pid) => Some(*pid),
        }
    }

    /// Returns when the process has ended.
    pub async fn ended(&mut self) {
        match self {
            Self::Started(child) => {
                if let Err(error) = child.wait().await {
                    tracing::warn!(%error, "cannot wait for PostgreSQL");
                }
            }
            // Not our child: nobody tells us.
            Self::Adopted(pid) => {
                while is_alive(*pid) {
                    tokio::time::sleep(POLL).await;
                }
            }
        }
    }
}

impl Server {
    /// Finds account, programs and places for a data directory, and makes the cluster where there is none.
    pub async fn prepare(data_directory: &Path, durability: Durability) -> Result<Self, ClusterError> {
        fs::create_dir_all(data_directory).map_err(ClusterError::file("make", data_directory))?;
        let layout = Layout::below(data_directory)?;
        let account = Account::find(&layout.data).await?;
        layout.create(&account)?;
        let programs = Programs::find(&layout.data, layout.version()).await?;
        let server = Self { layout, account, programs, durability };
        let lock = server.layout.lock(&server.account).await?;
        if server.layout.version().is_none() {
            server.make_cluster().await?;
        }
        drop(lock);
        Ok(server)
    }

    /// The address of a database of the cluster.
    pub fn url(&self, database: &str) -> String {
        let directory: String = self
            .layout
            .socket_directory
            .as_os_str()
            .as_encoded_bytes()
            .iter()
            .map(|byte| match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => char::from(*byte).to_string(),
                other => format!("%{other:02X}"),
            })
            .collect();
        format!("postgresql://{SUPERUSER}@{directory}:{PORT}/{database}")
    }

    /// The server, adopted where one runs already, started where none does.
    pub async fn run(&self) -> Result<Running, ClusterError> {
        let _lock = self.layout.lock(&self.account).await?;
        if let Some(pid) = self.find_running().await? {
            tracing::info!(pid = pid.as_raw(), "PostgreSQL runs already");
            return Ok(Running::Adopted(pid));
        }
        self.end_orphans().await;
        self.remove_stale_socket_lock();
        let began = Instant::now();
        let mut child = self.spawn()?;
        self.wait_until_ready(&mut child).await?;
        tracing::info!(took_ms = began.elapsed().as_millis(), "PostgreSQL started");
        Ok(Running::Started(child))
    }

    /// Makes a database unless it is there.
    pub async fn ensure_database(&self, name: &str) -> Result<(), ClusterError> {
        let (client, connection) =
            tokio_postgres::connect(&self.url("postgres"), NoTls).await.map_err(ClusterError::Refused)?;
        let connection = tokio::spawn(connection);
        let made = client.batch_execute(&format!("CREATE DATABASE {name}")).await;
        drop(client);
        connection.abort();
        match made {
            Err(error) if error.code() != Some(&SqlState::DUPLICATE_DATABASE) => {
                Err(ClusterError::Refused(error))
            }
            _ => Ok(()),
        }
    }

    /// Ends the server: connections are cut, everything is written, the next start needs no recovery.
    pub async fn stop(&self, running: &mut Running) -> Result<(), ClusterError> {
        let Some(pid) = running.pid() else { return Ok(()) };
        for (signal, timeout) in [(Signal::SIGINT, STOP_TIMEOUT), (Signal::SIGQUIT, SILENCE)] {
            // One that is gone already is what we want.
            let _ = kill(pid, signal);
            if tokio::time::timeout(timeout, running.ended()).await.is_ok() {
                return Ok(());
            }
        }
        Err(ClusterError::NotStopped { pid: pid.as_raw(), waited_s: (STOP_TIMEOUT + SILENCE).as_secs() })
    }

    async fn make_cluster(&self) -> Result<(), ClusterError> {
        let began = Instant::now();
        let unfinished = self.layout.root.join("data.new");
        if unfinished.exists() {
            fs::remove_dir_all(&unfinished).map_err(ClusterError::file("remove", &unfinished))?;
        }
        let program = self.programs.path("initdb");
        let mut command = self.command(&program);
        command.arg("-D").arg(&unfinished).args(["-U", SUPERUSER, "--encoding=UTF8", "--locale=C"]);
        command.args(["--auth=trust", "--no-instructions"]);
        if self.durability == Durability::Fast {
            command.arg("--no-sync");
        }
        let output = command.output().await.map_err(ClusterError::file("run", &program))?;
        if !output.status.success() {
            let output = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Err(ClusterError::Program { program, output });
        }
        let data = &self.layout.data;
        fs::rename(&unfinished, data).map_err(ClusterError::file("make", data))?;
        tracing::info!(
            directory = %data.display(), version = self.programs.version,
            took_ms = began.elapsed().as_millis(), "made a private PostgreSQL cluster"
        );
        Ok(())
    }

    /// The server that runs on this cluster. A pid file that a crash has left is removed where its number has
    /// gone to another process; else the server itself sees that it is stale.
    async fn find_running(&self) -> Result<Option<Pid>, ClusterError> {
        let pid_file = self.layout.pid_file();
        let Some(pid) = read_pid(&pid_file) else { return Ok(None) };
        let deadline = Instant::now() + FOREIGN_AFTER;
        while is_alive(pid) && is_postgres(pid) && may_work_in(pid, &self.layout.data) {
            match self.probe().await {
                Probe::Ready => return Ok(Some(pid)),
                Probe::Busy => {}
                Probe::Silent if Instant::now() < deadline => {}
                Probe::Silent => break,
            }
            tokio::time::sleep(POLL).await;
        }
        if is_alive(pid) {
            tracing::warn!(pid = pid.as_raw(), "the pid file names another process: removing it");
            fs::remove_file(&pid_file).map_err(ClusterError::file("remove", &pid_file))?;
        }
        Ok(None)
    }

    /// Ends what a killed server has left behind: its children hold its shared memory, and as long as one of them lives no
    /// other server starts on these data. They go by themselves, unless they are halted or in the middle of something.
    async fn end_orphans(&self) {
        let deadline = Instant::now() + ORPHANS_GO_WITHIN;
        loop {
            let orphans = processes_in(&self.layout.data);
            if orphans.is_empty() {
                return;
            }
            if Instant::now() >= deadline {
                for pid in orphans {
                    tracing::warn!(
                        pid = pid.as_raw(),
                        "a process of the last PostgreSQL does not end: killing it"
                    );
                    // One that has gone meanwhile is what we want.
                    let _ = kill(pid, Signal::SIGKILL);
                }
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// The lock beside the socket names the same process as the pid file, and is read by the server in the same way: where
    /// the number has gone to another process, it would not start.
    fn remove_stale_socket_lock(&self) {
        let lock = self.layout.socket_directory.join(format!(".s.PGSQL.{PORT}.lock"));
        if read_pid(&lock).is_some_and(|pid| is_alive(pid) && !is_postgres(pid)) {
            tracing::warn!(lock = %lock.display(), "the lock of the socket names another process: removing it");
            let _ = fs::remove_file(&lock);
        }
    }

    /// Starts the server in a process group of its own, which Ctrl-C at a terminal does not reach, with
    /// nothing of ours in its environment.
    fn spawn(&self) -> Result<Child, ClusterError> {
        let program = self.programs.path("postgres");
        let mut command = self.command(&program);
        command.arg("-D").arg(&self.layout.data).arg("-p").arg(PORT.to_string());
        command.arg("-k").arg(&self.layout.socket_directory);
        let fast: &[&str] = if self.durability == Durability::Fast { &FAST_SETTINGS } else { &[] };
        for setting in SETTINGS.iter().chain(RECOVERY_SETTINGS).chain(fast) {
            command.arg("-c").arg(setting);
        }
        let log = self.open_log()?;
        let errors = log.try_clone().map_err(ClusterError::file("open", &self.layout.log()))?;
        command.stdout(log).stderr(errors).process_group(0);
        command.spawn().map_err(ClusterError::file("run", &program))
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("LC_ALL", "C").env("PATH", "/usr/bin:/bin");
        command.current_dir(&self.layout.root).stdin(Stdio::null());
        self.account.run_as(&mut command);
        command
    }

    fn open_log(&self) -> Result<File, ClusterError> {
        let path = self.layout.log();
        let too_long = fs::metadata(&path).is_ok_and(|metadata| metadata.len() > LOG_MAX_BYTES);
        let file = if too_long {
            File::create(&path)
        } else {
            OpenOptions::new().create(true).append(true).open(&path)
        };
        let file = file.map_err(ClusterError::file("open", &path))?;
        self.account.own(&path)?;
        Ok(file)
    }

    async fn wait_until_ready(&self, child: &mut Child) -> Result<(), ClusterError> {
        let mut deadline = Instant::now() + SILENCE;
        loop {
            match self.probe().await {
                Probe::Ready => return Ok(()),
                Probe::Busy => deadline = Instant::now() + SILENCE,
                Probe::Silent => {}
            }
            let ended = matches!(child.try_wait(), Ok(Some(_)));
            if ended || Instant::now() >= deadline {
                let log = self.layout.log();
                let tail = tail(&log).unwrap_or_default();
                return Err(ClusterError::NotStarted { log, tail });
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Asks the server whether it takes connections.
    async fn probe(&self) -> Probe {
        match tokio_postgres::connect(&self.url("postgres"), NoTls).await {
            Ok(_) => Probe::Ready,
            Err(error) if error.code().is_some() => Probe::Busy,
            Err(_) => Probe::Silent,
        }
    }
}

/// What a server answers.
enum Probe {
    /// It takes connections.
    Ready,
    /// It is there, but starts, stops, recovers or is full.
    Busy,
    /// Nobody opened the socket.
    Silent,
}

fn tail(path: &Path) -> std::io::Result<String> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(LOG_TAIL_BYTES)))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).trim().to_owned())
}
