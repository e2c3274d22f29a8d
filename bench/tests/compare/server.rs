//! A server of one test.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use engine::scripted::ScriptedModel;
use store::TestDatabase;
use tempfile::TempDir;

/// Tokens come one after the other even to a busy reader, and a run is over in seconds.
const STEP_US: u32 = 4_000;

/// An `oriel` with a model of its own, as a command that can be started; its database goes when it is dropped.
pub struct Oriel {
    address: SocketAddr,
    directory: TempDir,
    database: TestDatabase,
}

impl Oriel {
    /// The words steer what its model says: `engine::scripted` lists them.
    pub async fn new(words: &str) -> Self {
        let directory = tempfile::tempdir().expect("a directory for the server");
        let model = ScriptedModel {
            // Texts are counted in words, a scripted model has a token for each byte.
            context_tokens: 8_192,
            step_us: STEP_US,
            words: words.to_owned(),
            ..ScriptedModel::default()
        };
        model.write(&directory.path().join("scripted.gguf")).expect("a model");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("its number");
        Self { address, directory, database: TestDatabase::create().await }
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What starts it, for a shell. It leaves its number behind.
    pub fn command(&self) -> String {
        let at = |name: &str| self.directory.path().join(name).display().to_string();
        let settings = [
            ("DATABASE_URL", self.database.url()),
            ("DATABASE_CONNECTIONS", "8".to_owned()),
            ("DATA_DIR", at("data")),
            ("MODEL_PATH", at("scripted.gguf")),
            ("ENGINE_PATH", built("oriel-engine-scripted").display().to_string()),
            ("LISTEN_ADDR", self.address.to_string()),
            ("SLOTS", "8".to_owned()),
            ("REGISTRATION", "open".to_owned()),
            ("BCRYPT_COST", "10".to_owned()),
            ("LOG_LEVEL", "error".to_owned()),
            ("SECRET_KEY", "only-for-this-test-and-long-enough".to_owned()),
        ];
        let settings: String = settings.iter().map(|(name, value)| format!(" {name}='{value}'")).collect();
        let (pid, oriel) = (at("pid"), built("oriel"));
        format!(r#"sh -c "echo \$\$ > {pid}; exec env -i{settings} {} serve""#, oriel.display())
    }

    /// Starts it here.
    pub fn start(&self) -> Running {
        let shell = Command::new("sh").args(["-c", &format!("exec {}", self.command())]).spawn();
        Running(shell.expect("a shell"))
    }

    /// `kill -9`.
    pub fn kill(&self) {
        let pid = fs::read_to_string(self.directory.path().join("pid")).expect("the number of a server");
        let killed = Command::new("kill").args(["-9", pid.trim()]).status().expect("kill");
        assert!(killed.success(), "process {pid} cannot be killed");
    }

    /// Whether nobody listens at its address.
    pub fn has_ended(&self) -> bool {
        TcpStream::connect(self.address).is_err()
    }
}

/// A server that a test has started; killed when it is dropped.
pub struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A program of this workspace that Cargo has built beside this test.
fn built(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("the test's own path");
    let found = test.ancestors().skip(1).map(|directory| directory.join(name)).find(|path| path.is_file());
    found.unwrap_or_else(|| {
        let package = if name == "oriel" { "backend" } else { "engine" };
        let profile = test.ancestors().nth(2).and_then(Path::file_name).unwrap_or_default();
        panic!("`{name}` is not built: run `cargo build --package {package}` in the profile of {profile:?}")
    })
}
