//! The model files that tests use.

#![allow(dead_code, reason = "not every test needs every model")]

use std::path::PathBuf;

/// A small chat model: SmolLM2-135M-Instruct.
pub fn chat_model() -> PathBuf {
    existing("ORIEL_TEST_MODEL", "SmolLM2-135M-Instruct.Q4_1.gguf")
}

/// A small model that was never taught to chat and has a sliding window: Gemma 3 270M.
pub fn base_model() -> PathBuf {
    existing("ORIEL_TEST_BASE_MODEL", "gemma-3-270m-q4_k_m.gguf")
}

/// The file that a variable names; where it is not set, the one that `cargo xtask` puts into the cache.
fn existing(variable: &str, file: &str) -> PathBuf {
    let path = std::env::var_os(variable).map_or_else(|| cache().join(file), PathBuf::from);
    assert!(
        path.is_file(),
        "there is no model at {}: run `cargo xtask test engine`, which downloads it, or set {variable}",
        path.display()
    );
    path
}

fn cache() -> PathBuf {
    let home = std::env::var_os("HOME").unwrap_or_default();
    let cache =
        std::env::var_os("XDG_CACHE_HOME").map_or_else(|| PathBuf::from(home).join(".cache"), PathBuf::from);
    cache.join("oriel/models")
}
