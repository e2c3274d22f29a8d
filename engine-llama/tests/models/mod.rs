//! The model files that tests use.

use std::path::PathBuf;

/// A small chat model: SmolLM2-135M-Instruct.
pub fn chat_model() -> PathBuf {
    existing("ORIEL_TEST_MODEL", "SmolLM2-135M-Instruct.Q4_1.gguf")
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
