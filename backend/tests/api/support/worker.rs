//! Where the scripted worker is.

use std::path::PathBuf;

/// The variable that names the scripted worker.
const VARIABLE: &str = "ORIEL_SCRIPTED_WORKER";

/// The program of the variable, or the one that Cargo built beside this test.
pub fn scripted_worker() -> PathBuf {
    if let Some(path) = std::env::var_os(VARIABLE) {
        return path.into();
    }
    // A test program is target/<profile>/deps/<name>; binaries are one level up.
    let test = std::env::current_exe().expect("the test's own path");
    let found =
        test.ancestors().skip(1).map(|dir| dir.join("oriel-engine-scripted")).find(|path| path.is_file());
    found.unwrap_or_else(|| {
        panic!(
            "the scripted worker is not built: run `cargo build --package engine --bin oriel-engine-scripted` in the \
             same profile, or name it in {VARIABLE}"
        )
    })
}
