//! Where things are: the clone, what is built, the private tools, the data. Nothing here touches the disk.

use std::env;
use std::path::{Path, PathBuf};

use crate::failure::{Failure, Outcome};

/// The root of the clone. `cargo run` says where it is now; what was compiled in may be another clone that shares the
/// target directory.
pub fn root() -> PathBuf {
    let manifest = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    let manifest = Path::new(&manifest);
    manifest.parent().unwrap_or(manifest).to_path_buf()
}

/// Where Cargo builds.
pub fn target() -> PathBuf {
    match env::var_os("CARGO_TARGET_DIR") {
        Some(directory) => root().join(directory),
        None => root().join("target"),
    }
}

/// A program that Cargo has built in release.
pub fn release_program(name: &str) -> PathBuf {
    target().join("release").join(name)
}

/// The page as nginx serves it.
pub fn page() -> PathBuf {
    target().join("page")
}

/// What is kept between clones: tools and models.
pub fn cache() -> Outcome<PathBuf> {
    under("XDG_CACHE_HOME", ".cache")
}

/// The directory of one tool in one version.
pub fn tool(name: &str, version: &str) -> Outcome<PathBuf> {
    Ok(cache()?.join("tools").join(format!("{name}-{version}")))
}

/// Model files that are downloaded once.
pub fn models() -> Outcome<PathBuf> {
    Ok(cache()?.join("models"))
}

/// Where Oriel keeps its data unless `DATA_DIR` says otherwise. As root a system directory: PostgreSQL runs under
/// another account then, which cannot enter root's home.
pub fn data() -> Outcome<PathBuf> {
    if is_root() {
        return Ok(PathBuf::from("/var/lib/oriel"));
    }
    under("XDG_DATA_HOME", ".local/share")
}

/// Whether we may do everything.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn under(variable: &str, in_home: &str) -> Outcome<PathBuf> {
    if let Some(directory) = env::var_os(variable).filter(|it| !it.is_empty()) {
        return Ok(PathBuf::from(directory).join("oriel"));
    }
    let home = env::var_os("HOME")
        .filter(|it| !it.is_empty())
        .ok_or_else(|| Failure::new(format!("neither {variable} nor HOME is set: set one of them")))?;
    Ok(PathBuf::from(home).join(in_home).join("oriel"))
}
