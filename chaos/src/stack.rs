//! What is tested: PostgreSQL, several servers on it with the scripted engine, nginx in front of them with the
//! configuration of the image, each a process of its own under a process manager.

pub mod database;
pub mod process;
pub mod readiness;

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use engine::scripted::ScriptedModel;
use nix::sys::signal::Signal;
use tempfile::TempDir;
use tokio::sync::watch;
use uuid::Uuid;

use crate::dice::Dice;
use crate::failure::{Doing, Failure, Outcome};
use crate::options::Options;
use database::Database;
use process::{Exit, Program, Supervised};

/// The scripted worker's program.
pub const WORKER: &str = "oriel-engine-scripted";

/// Answers that one server writes at the same time. Together the servers have room for everybody; when one is away, some
/// have to wait.
pub const SLOTS: u32 = 8;

/// Connections of one server's pool. PostgreSQL takes 50 in all.
pub const DATABASE_CONNECTIONS: u32 = 8;

/// What the scripted model needs for one token of all its answers: 50 tokens a second.
const STEP_US: u32 = 20_000;

/// Everything that runs.
pub struct Stack {
    /// PostgreSQL.
    pub database: Database,
    /// The servers.
    pub replicas: Vec<Replica>,
    /// In front of them.
    pub nginx: Supervised,
    /// Where nginx listens.
    pub front: SocketAddr,
    _directory: TempDir,
    path: PathBuf,
}

/// One server.
pub struct Replica {
    /// The process.
    pub process: Supervised,
    /// Where it listens.
    pub address: SocketAddr,
    data: PathBuf,
}

impl Replica {
    /// The id under which it owns answers; none before its first start.
    pub fn id(&self) -> Option<Uuid> {
        Uuid::parse_str(fs::read_to_string(self.data.join("replica_id")).ok()?.trim()).ok()
    }

    /// Its engine's process.
    pub fn worker(&self) -> Option<i32> {
        process::children(self.process.pid()?, WORKER).first().copied()
    }
}

impl Stack {
    /// Starts everything and waits until it answers.
    pub async fn start(options: &Options, seed: u64) -> Outcome<Self> {
        let directory =
            tempfile::Builder::new().prefix("oriel-chaos-").tempdir().doing("make a directory")?;
        let path = directory.path().to_path_buf();
        // PostgreSQL and nginx give up root, and their accounts must get in.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).doing("open the directory")?;
        let model = path.join("scripted.gguf");
        ScriptedModel { context_tokens: 8_192, step_us: STEP_US, ..ScriptedModel::default() }
            .write(&model)
            .doing("write the model")?;
        let database = Database::start(&path.join("database")).await?;
        let mut replicas = Vec::new();
        for number in 1..=options.replicas {
            let address = free_address()?;
            let data = path.join(format!("replica-{number}"));
            fs::create_dir_all(&data).doing(format_args!("make {}", data.display()))?;
            let program = oriel(options, &database, &model, &data, number, address);
            let process =
                Supervised::start(program, Dice::new(seed, &format!("restarts of replica {number}")))?;
            replicas.push(Replica { process, address, data });
            // The first one makes the tables.
            readiness::wait(address, "/readyz").await?;
        }
        let front = free_address()?;
        let backends: Vec<String> = replicas.iter().map(|replica| replica.address.to_string()).collect();
        let program = nginx(options, &path, front.port(), &backends)?;
        let nginx = Supervised::start(program, Dice::new(seed, "restarts of nginx"))?;
        readiness::wait(front, "/readyz").await?;
        Ok(Self { database, replicas, nginx, front, _directory: directory, path })
    }

    /// The directory that all processes of the run have on their command line or in their environment.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// All ends of all programs so far.
    pub fn exits(&self) -> Vec<Exit> {
        let mut exits = self.nginx.exits();
        exits.extend(self.replicas.iter().flat_map(|replica| replica.process.exits()));
        exits.sort_by_key(|exit| exit.at);
        exits
    }

    /// Ends everything in the order of an installation. Names those who did not end when asked.
    pub async fn stop(self) -> Outcome<(Vec<String>, TempDir)> {
        let mut stubborn = Vec::new();
        let programs = self.replicas.into_iter().map(|replica| replica.process).chain([self.nginx]);
        for program in programs {
            let name = program.name().to_owned();
            if !program.stop().await {
                stubborn.push(name);
            }
        }
        self.database.stop().await?;
        Ok((stubborn, self._directory))
    }
}

/// Waits until a process other than `former` runs.
pub async fn restarted(pid: &mut watch::Receiver<Option<i32>>, former: Option<i32>) {
    // The sender is gone only when the run is over.
    let _ = pid.wait_for(|pid| pid.is_some() && *pid != former).await;
}

fn oriel(
    options: &Options,
    database: &Database,
    model: &Path,
    data: &Path,
    number: usize,
    address: SocketAddr,
) -> Program {
    let settings = [
        ("LISTEN_ADDR", address.to_string()),
        ("DATA_DIR", data.display().to_string()),
        ("DATABASE_URL", database.url().to_owned()),
        ("DATABASE_CONNECTIONS", DATABASE_CONNECTIONS.to_string()),
        ("SECRET_KEY", "one key for all servers, only for this test".to_owned()),
        ("MODEL_PATH", model.display().to_string()),
        ("ENGINE_PATH", options.programs.join(WORKER).display().to_string()),
        ("SLOTS", SLOTS.to_string()),
        ("QUEUE_CAPACITY", "1000".to_owned()),
        ("REGISTRATION", "open".to_owned()),
        // The least: sign-ins are not what is tested.
        ("BCRYPT_COST", "10".to_owned()),
        ("LOG_LEVEL", "info,backend::middleware=warn".to_owned()),
        ("RUST_BACKTRACE", "1".to_owned()),
    ];
    Program {
        name: format!("oriel {number}"),
        path: options.programs.join("oriel"),
        arguments: vec!["serve".to_owned()],
        environment: settings.to_vec(),
        log: options.output.join(format!("oriel-{number}.log")),
        last_signal: "KILL",
    }
}

fn nginx(options: &Options, path: &Path, port: u16, backends: &[String]) -> Outcome<Program> {
    let page = path.join("page");
    let run = path.join("nginx");
    fs::create_dir_all(&page).doing("make a directory")?;
    fs::create_dir_all(&run).doing("make a directory")?;
    Ok(Program {
        name: "nginx".to_owned(),
        path: PathBuf::from("sh"),
        arguments: vec![options.nginx.join("start.sh").display().to_string()],
        environment: vec![
            ("BACKEND", backends.join(" ")),
            ("PORT", port.to_string()),
            ("RUN_DIR", run.display().to_string()),
            ("PAGE_DIR", page.display().to_string()),
        ],
        log: options.output.join("nginx.log"),
        last_signal: "TERM",
    })
}

fn free_address() -> Outcome<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).doing("find a free port")?;
    listener.local_addr().map_err(|error| Failure::new(format!("no free port: {error}")))
}

/// The signal of a process manager that restarts a program in order.
pub const ORDERLY: Signal = Signal::SIGTERM;
