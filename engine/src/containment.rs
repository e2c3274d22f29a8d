//! How far a worker is contained, as its program tells it: what it can still reach if the model's file or a template
//! takes it over.
//!
//! The worker program contains itself before it opens the model, tries each layer, and tells what holds with
//! [`crate::protocol::Event::Contained`]. Whoever runs the server reads it at [`crate::ModelInfo::containment`]. Nothing
//! is enforced here.

use serde::{Deserialize, Serialize};

/// Names the kernels that a worker multiplies with, where it is not to choose the best itself.
pub const KERNELS_VARIABLE: &str = "ORIEL_KERNELS";

/// What a worker inherits of our environment: where libraries, temporary files and devices are, which kernels to use, and
/// how to log. None of our secrets.
pub const INHERITED_VARIABLES: [&str; 15] = [
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "LD_LIBRARY_PATH",
    "CUDA_VISIBLE_DEVICES",
    "HIP_VISIBLE_DEVICES",
    "ROCR_VISIBLE_DEVICES",
    "GGML_VK_VISIBLE_DEVICES",
    KERNELS_VARIABLE,
    "RUST_BACKTRACE",
    "LOG_LEVEL",
    "LOG_FORMAT",
];

/// What a worker finds in its environment besides.
///
/// Threads of OpenMP wait for each other in a busy loop, which on a busy machine makes a step ten times as long. So many
/// turns, then they sleep: five percent slower when quiet, unharmed when not.
///
/// A failed assertion of ggml would start a debugger, which a contained process cannot.
pub const SET_VARIABLES: [(&str, &str); 2] = [("GOMP_SPINCOUNT", "1000"), ("GGML_NO_BACKTRACE", "1")];

/// The layers around one worker, in the order in which they were put on; empty for a program that has none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Containment {
    /// Each kind at most once.
    pub layers: Vec<Layer>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layer {
    /// What it keeps from the worker.
    pub kind: LayerKind,
    /// Whether it was tried and held.
    pub is_in_force: bool,
    /// How it is done; or why it is not there, and what to do.
    pub detail: String,
}

/// What a layer is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LayerKind {
    /// No secret of the server is in its environment.
    Environment,
    /// It can gain no rights, and has none that its user has not.
    Privileges,
    /// It reads the model and writes its states, and no other file.
    Files,
    /// It reaches nobody.
    Network,
    /// It starts no program and signals no other process.
    Processes,
    /// It has few files open, and leaves no image of its memory behind.
    Limits,
    /// It can take no more memory than there is, and a template or a grammar no more than a share of it.
    Memory,
}

impl LayerKind {
    /// In one word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Environment => "environment",
            Self::Privileges => "privileges",
            Self::Files => "files",
            Self::Network => "network",
            Self::Processes => "processes",
            Self::Limits => "limits",
            Self::Memory => "memory",
        }
    }
}

impl Layer {
    /// One that was tried and held.
    pub fn in_force(kind: LayerKind, how: impl Into<String>) -> Self {
        Self { kind, is_in_force: true, detail: how.into() }
    }

    /// One that is not there.
    pub fn missing(kind: LayerKind, why: impl Into<String>) -> Self {
        Self { kind, is_in_force: false, detail: why.into() }
    }
}

impl Containment {
    /// The layers that are not in force.
    pub fn missing(&self) -> impl Iterator<Item = &Layer> {
        self.layers.iter().filter(|layer| !layer.is_in_force)
    }
}
