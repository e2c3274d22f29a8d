//! The model files that tests use: in the directory that `ORIEL_TEST_MODELS` names, which is where `cargo xtask`
//! puts them; `~/.cache/oriel/models` where it is not set.

#![allow(dead_code, reason = "not every test needs every model")]

use std::env;
use std::path::PathBuf;

/// A small chat model.
pub fn chat_model() -> PathBuf {
    existing("SmolLM2-135M-Instruct.Q4_1.gguf")
}

/// A small model that was never taught to chat and looks through a sliding window.
pub fn base_model() -> PathBuf {
    existing("gemma-3-270m-q4_k_m.gguf")
}

fn existing(file: &str) -> PathBuf {
    let cache = || PathBuf::from(env::var_os("HOME").unwrap_or_default()).join(".cache/oriel/models");
    let path = env::var_os("ORIEL_TEST_MODELS").map_or_else(cache, PathBuf::from).join(file);
    assert!(
        path.is_file(),
        "there is no model at {}: run `cargo xtask test engine`, which downloads it",
        path.display()
    );
    path
}
