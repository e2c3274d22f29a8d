//! What was compared: what each server says it is, and which file both compute with.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::server::Server;
use crate::failure::Failure;

/// One server.
#[derive(Clone, Debug, Serialize)]
pub struct Identity {
    /// How it is called here.
    pub name: String,
    /// What whoever started it says.
    pub about: String,
    /// What it says itself.
    pub says: Vec<(String, String)>,
    /// Memory of all its processes after it has loaded its model, in bytes.
    pub memory_bytes: Option<u64>,
}

/// Where servers tell something of themselves, and what of it matters here.
const SOURCES: [(&str, &[(&str, &str)]); 3] = [
    ("/v1/models", &[("of", "/data/0/owned_by")]),
    (
        "/props",
        &[
            ("build", "/build_info"),
            ("slots", "/total_slots"),
            ("context of a slot", "/default_generation_settings/n_ctx"),
        ],
    ),
    ("/api/openapi.json", &[("version", "/info/version")]),
];

impl Identity {
    /// Asks it.
    pub async fn ask(server: &Server, about: &str) -> Self {
        let mut says = vec![("model".to_owned(), server.model().to_owned())];
        for (path, facts) in SOURCES {
            let Some(answer) = server.facts(path).await else { continue };
            for (name, pointer) in facts {
                if let Some(fact) = answer.pointer(pointer).and_then(plain) {
                    says.push(((*name).to_owned(), fact));
                }
            }
        }
        let memory_bytes = server.memory_bytes();
        Self { name: server.name().to_owned(), about: about.to_owned(), says, memory_bytes }
    }
}

fn plain(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A model's file.
#[derive(Clone, Debug, Serialize)]
pub struct ModelFile {
    /// Its name.
    pub name: String,
    /// Its size.
    pub size_bytes: u64,
    /// Its checksum.
    pub sha256: String,
}

impl ModelFile {
    /// Reads it whole.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let mut file = File::open(path)?;
        let mut hasher = Sha256::new();
        let mut buffer = vec![0; 1 << 20];
        let mut size_bytes = 0;
        loop {
            let count = file.read(&mut buffer)?;
            let Some(bytes) = buffer.get(..count).filter(|bytes| !bytes.is_empty()) else { break };
            hasher.update(bytes);
            size_bytes += count as u64;
        }
        let sha256 = hasher.finalize().iter().fold(String::new(), |mut text, byte| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        });
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self { name, size_bytes, sha256 })
    }
}
