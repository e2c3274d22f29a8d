//! A server that is a process of its own, so that it can be killed and halted.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use uuid::Uuid;

use super::app::TestApp;

/// The program `oriel serve`. Killed when it is dropped, and its worker with it.
pub struct Process {
    child: Child,
    url: String,
    data_dir: PathBuf,
}

impl TestApp {
    /// Another server over the same database, as a process of its own.
    pub async fn process(&self) -> Process {
        self.process_in(&self.directory().join(Uuid::now_v7().to_string()), &[]).await
    }

    /// A server with this data directory, these settings and else the same, as a process of its own.
    pub async fn process_in(&self, data_dir: &Path, changes: &[(&str, &str)]) -> Process {
        let mut child = Command::new(env!("CARGO_BIN_EXE_oriel"))
            .arg("serve")
            .env_clear()
            .envs(self.settings())
            .env("DATA_DIR", data_dir)
            .env("LOG_FORMAT", "json")
            .env("LOG_LEVEL", "info")
            .envs(changes.iter().copied())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the program oriel");
        let mut log = BufReader::new(child.stderr.take().expect("its log")).lines();
        let address = loop {
            let line = log.next_line().await.expect("its log").expect("its address before it ends");
            let line: Value = serde_json::from_str(&line).unwrap_or_default();
            if let Some(address) = line.get("address").and_then(Value::as_str) {
                break address.to_owned();
            }
        };
        // The pipe must not fill.
        tokio::spawn(async move { while let Ok(Some(_)) = log.next_line().await {} });
        Process { child, url: format!("http://{address}"), data_dir: data_dir.to_owned() }
    }
}

impl Process {
    /// Its address, without a path.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The same server once more, after its end, on another port.
    pub async fn start_again(&self, app: &TestApp) -> Self {
        app.process_in(&self.data_dir, &[]).await
    }

    /// `kill -9`.
    pub async fn kill(&mut self) {
        self.child.kill().await.expect("a process to kill");
    }

    /// Halts it where it stands.
    pub fn freeze(&self) {
        self.signal(rustix::process::Signal::STOP);
    }

    /// Lets it go on.
    pub fn thaw(&self) {
        self.signal(rustix::process::Signal::CONT);
    }

    /// Asks it to end, and waits until it has.
    pub async fn terminate(&mut self) {
        self.signal(rustix::process::Signal::TERM);
        self.child.wait().await.expect("its end");
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let id = self.child.id().and_then(|id| i32::try_from(id).ok()).expect("a running process");
        let id = rustix::process::Pid::from_raw(id).expect("a process");
        rustix::process::kill_process(id, signal).expect("a process that takes signals");
    }
}
