//! The settings: the only place that reads the environment.
//!
//! `.env` is not read here: docker compose passes it on, and a second reader with rules of its own would only make
//! two truths of one file.

mod data_dir;
mod reader;
mod variables;

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::SecretString;
use shared::RegistrationPolicy;
use tracing_subscriber::EnvFilter;
use url::Url;

pub use reader::Fault;
use reader::Reader;
pub use variables::{VARIABLES, Variable};

/// All settings, checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where people open the page.
    pub public_url: Url,
    /// Where the page finds the API, if not at its own origin.
    pub api_url: Option<Url>,
    /// Where to listen.
    pub listen_addr: SocketAddr,
    /// Whose `X-Forwarded-For` is believed.
    pub trusted_proxy: TrustedProxy,
    /// Who may register after the first account.
    pub registration: RegistrationPolicy,
    /// A GGUF file or a directory of them.
    pub model_path: PathBuf,
    /// Secret key, private database, the engine's state.
    pub data_dir: PathBuf,
    /// None: the private PostgreSQL.
    pub database_url: Option<SecretString>,
    /// Size of the pool.
    pub database_connections: usize,
    /// How long a request waits for a database that is away.
    pub database_patience: Duration,
    /// The worker program.
    pub engine_path: PathBuf,
    /// Answers at the same time per model.
    pub slots: u32,
    /// Tokens per slot.
    pub context_tokens: Option<u32>,
    /// Compute threads per model.
    pub threads: Option<u32>,
    /// Requests that may wait.
    pub queue_capacity: usize,
    /// Unload a model after so long without a request.
    pub idle_unload: Option<Duration>,
    /// Memory of all models together; none: a share of the machine's.
    pub memory_budget_bytes: Option<u64>,
    /// Memory for states of conversations, per model.
    pub states_memory_bytes: Option<u64>,
    /// Disk for states of conversations, of all models together.
    pub states_disk_bytes: u64,
    /// After which states that nobody used are deleted.
    pub states_max_age: Duration,
    /// None: made on the first start.
    pub secret_key: Option<SecretString>,
    /// None: measured.
    pub bcrypt_cost: Option<u32>,
    /// A filter of `tracing`.
    pub log_level: String,
    /// How log lines look.
    pub log_format: LogFormat,
}

/// Whose `X-Forwarded-For` is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrustedProxy {
    /// A proxy on this machine.
    Loopback,
    /// A proxy on this machine or in a private network (a container).
    Private,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people; with colours on a terminal.
    Text,
    /// One JSON object a line.
    Json,
}

/// Everything that is wrong with the settings.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError(pub Vec<Fault>);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.len() {
            1 => writeln!(f, "One setting is wrong:")?,
            count => writeln!(f, "{count} settings are wrong:")?,
        }
        for Fault { name, message } in &self.0 {
            writeln!(f, "  {name} {message}.")?;
        }
        write!(f, "Settings are environment variables; .env.example describes all of them.")
    }
}

impl Config {
    /// Reads the environment of this process.
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::from_lookup(&|name| std::env::var(name).ok())
    }

    /// Reads settings from `lookup`; all faults come together.
    pub fn from_lookup(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut reader = Reader::new(lookup);
        let config = Self::read(&mut reader, lookup);
        match (config, reader.into_faults()) {
            (Some(config), faults) if faults.is_empty() => Ok(config),
            (_, faults) => Err(ConfigError(faults)),
        }
    }

    /// None only after a fault was noted. Everything is read before anything is given up.
    fn read(reader: &mut Reader<'_>, lookup: &dyn Fn(&str) -> Option<String>) -> Option<Self> {
        let public_url = origin(reader, "PUBLIC_URL");
        let api_url = origin(reader, "API_URL");
        let listen_addr = reader.parsed("LISTEN_ADDR", "an IP address and a port, as in 127.0.0.1:8081");
        let trusted_proxy = reader.choice(
            "TRUSTED_PROXY",
            &[("loopback", TrustedProxy::Loopback), ("private", TrustedProxy::Private)],
        );
        let registration = reader.choice(
            "REGISTRATION",
            &[
                ("closed", RegistrationPolicy::Closed),
                ("invite", RegistrationPolicy::Invite),
                ("open", RegistrationPolicy::Open),
            ],
        );
        let data_dir = data_dir(reader, lookup);
        let model_path = reader.text("MODEL_PATH").map(PathBuf::from);
        let database_url = database_url(reader);
        let database_connections = reader.number("DATABASE_CONNECTIONS", 4..=500);
        let database_patience_s = reader.number("DATABASE_PATIENCE_S", 0..=60_u64);
        let engine_path = engine_path(reader);
        let slots = reader.number("SLOTS", 1..=1024);
        let context_tokens = reader.number("CONTEXT_TOKENS", 256..=1_048_576);
        let threads = reader.number("THREADS", 1..=512);
        let queue_capacity = reader.number("QUEUE_CAPACITY", 1..=10_000);
        let idle_unload_s = reader.number("IDLE_UNLOAD_S", 0..=31_536_000_u64);
        let memory_budget_mib = reader.number("MEMORY_BUDGET_MIB", 64..=16_777_216_u64);
        let states_memory_mib = reader.number("STATES_MEMORY_MIB", 0..=16_777_216_u64);
        let states_disk_mib = reader.number("STATES_DISK_MIB", 0..=16_777_216_u64);
        let states_max_age_days = reader.number("STATES_MAX_AGE_DAYS", 1..=365_u64);
        let secret_key = secret_key(reader);
        let bcrypt_cost = reader.number("BCRYPT_COST", 10..=16);
        let log_level = log_level(reader);
        let log_format = reader.choice("LOG_FORMAT", &[("text", LogFormat::Text), ("json", LogFormat::Json)]);

        let data_dir = data_dir?;
        Some(Self {
            public_url: public_url?,
            api_url,
            listen_addr: listen_addr?,
            trusted_proxy: trusted_proxy?,
            registration: registration?,
            model_path: model_path.unwrap_or_else(|| data_dir.join("models")),
            data_dir,
            database_url,
            database_connections: database_connections?,
            database_patience: Duration::from_secs(database_patience_s?),
            engine_path: engine_path?,
            slots: slots?,
            context_tokens,
            threads,
            queue_capacity: queue_capacity?,
            idle_unload: idle_unload_s.filter(|seconds| *seconds > 0).map(Duration::from_secs),
            memory_budget_bytes: memory_budget_mib.map(|mib| mib * 1024 * 1024),
            states_memory_bytes: states_memory_mib.map(|mib| mib * 1024 * 1024),
            states_disk_bytes: states_disk_mib? * 1024 * 1024,
            states_max_age: Duration::from_secs(states_max_age_days? * 24 * 3_600),
            secret_key,
            bcrypt_cost,
            log_level: log_level?,
            log_format: log_format?,
        })
    }

    /// Whether cookies need TLS.
    pub fn is_https(&self) -> bool {
        self.public_url.scheme() == "https"
    }

    /// The page's origin where it is not the API's own: the one that CORS lets in.
    pub fn foreign_page_origin(&self) -> Option<String> {
        let api = self.api_url.as_ref()?;
        (api.origin() != self.public_url.origin()).then(|| self.public_url.origin().ascii_serialization())
    }
}

fn origin(reader: &mut Reader<'_>, name: &'static str) -> Option<Url> {
    let expected = "an address without a path, as in https://chat.example.org";
    let url: Url = reader.parsed(name, expected)?;
    let is_origin = matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty();
    if !is_origin {
        reader.fault(name, format!("is {:?}; expected {expected}", url.as_str()));
        return None;
    }
    Some(url)
}

fn data_dir(reader: &mut Reader<'_>, lookup: &dyn Fn(&str) -> Option<String>) -> Option<PathBuf> {
    let found = reader.text("DATA_DIR").map(PathBuf::from).or_else(|| data_dir::default(lookup));
    match found {
        Some(path) if path.is_absolute() => Some(path),
        Some(path) => std::path::absolute(&path).ok(),
        None => {
            reader.fault(
                "DATA_DIR",
                "is not set, and neither is HOME; set it to a directory that Oriel may write to",
            );
            None
        }
    }
}

fn database_url(reader: &mut Reader<'_>) -> Option<SecretString> {
    let text = reader.text("DATABASE_URL")?;
    if text.starts_with("postgres://") || text.starts_with("postgresql://") {
        return Some(text.into());
    }
    reader.fault("DATABASE_URL", "is not of the form postgres://user:password@host:port/database");
    None
}

fn engine_path(reader: &mut Reader<'_>) -> Option<PathBuf> {
    if let Some(path) = reader.text("ENGINE_PATH") {
        return Some(PathBuf::from(path));
    }
    let beside =
        std::env::current_exe().ok().and_then(|exe| exe.parent().map(|dir| dir.join("oriel-engine")));
    if beside.is_none() {
        reader.fault("ENGINE_PATH", "is not set, and the place of `oriel` itself is not known; set it");
    }
    beside
}

fn secret_key(reader: &mut Reader<'_>) -> Option<SecretString> {
    /// As many characters as a 256-bit key has bytes.
    const MIN_CHARS: usize = 32;
    let text = reader.text("SECRET_KEY")?;
    let chars = text.chars().count();
    if chars >= MIN_CHARS {
        return Some(text.into());
    }
    reader.fault(
        "SECRET_KEY",
        format!("has {chars} characters; expected at least {MIN_CHARS}, as from `openssl rand -base64 32`"),
    );
    None
}

fn log_level(reader: &mut Reader<'_>) -> Option<String> {
    let text = reader.text("LOG_LEVEL")?;
    match EnvFilter::try_new(&text) {
        Ok(_) => Some(text),
        Err(error) => {
            reader.fault(
                "LOG_LEVEL",
                format!("is {text:?} ({error}); expected a level or a filter like `info,store=debug`"),
            );
            None
        }
    }
}

/// The secret key's file in the data directory.
pub fn secret_key_file(data_dir: &Path) -> PathBuf {
    data_dir.join("secret_key")
}

#[cfg(test)]
mod tests;
