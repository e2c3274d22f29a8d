//! Finds the programs of PostgreSQL.

use std::path::{Path, PathBuf};

use tokio::process::Command;

use super::ClusterError;

/// The oldest version that works: `ON DELETE SET NULL (column)` came with it.
const MINIMUM_VERSION: u32 = 15;

/// Directories that hold one directory for each version, with the programs in a place below.
const VERSIONED: [(&str, &str, &str); 7] = [
    ("/usr/lib/postgresql", "", "bin"),
    ("/usr", "pgsql-", "bin"),
    ("/usr/lib64/pgsql", "", "bin"),
    ("/opt/homebrew/opt", "postgresql@", "bin"),
    ("/usr/local/opt", "postgresql@", "bin"),
    ("/home/linuxbrew/.linuxbrew/opt", "postgresql@", "bin"),
    ("/Applications/Postgres.app/Contents/Versions", "", "bin"),
];

const FIXED: [&str; 5] =
    ["/usr/bin", "/usr/local/bin", "/usr/local/pgsql/bin", "/opt/homebrew/bin", "/usr/libexec/postgresql"];

/// The programs of one version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Programs {
    directory: PathBuf,
    /// The major version.
    pub version: u32,
}

impl Programs {
    /// The programs of `wanted`, or else of the first version that is new enough, newest first.
    pub async fn find(data: &Path, wanted: Option<u32>) -> Result<Self, ClusterError> {
        let mut searched = Vec::new();
        for directory in candidates().await {
            match version_in(&directory).await {
                Some(version) if wanted.map_or(version >= MINIMUM_VERSION, |wanted| version == wanted) => {
                    return Ok(Self { directory, version });
                }
                _ => searched.push(directory),
            }
        }
        Err(match wanted {
            Some(wanted) => ClusterError::OtherVersion { data: data.to_owned(), wanted },
            None => ClusterError::NotInstalled { minimum: MINIMUM_VERSION, searched },
        })
    }

    /// Where a program is.
    pub fn path(&self, program: &str) -> PathBuf {
        self.directory.join(program)
    }
}

/// Where the programs may be, the likeliest first, each once.
async fn candidates() -> Vec<PathBuf> {
    let mut directories: Vec<PathBuf> = from_pg_config().await.into_iter().collect();
    for (parent, prefix, below) in VERSIONED {
        directories.extend(newest_first(Path::new(parent), prefix).into_iter().map(|it| it.join(below)));
    }
    directories.extend(FIXED.map(PathBuf::from));
    let mut known = Vec::new();
    directories.retain(|directory| {
        let new = !known.contains(directory);
        if new {
            known.push(directory.clone());
        }
        new
    });
    directories
}

/// What `pg_config` on PATH says. It is also there where only the client library was installed.
async fn from_pg_config() -> Option<PathBuf> {
    let output = Command::new("pg_config").arg("--bindir").output().await.ok()?;
    let directory = String::from_utf8(output.stdout).ok()?;
    (output.status.success() && !directory.trim().is_empty()).then(|| PathBuf::from(directory.trim()))
}

fn newest_first(parent: &Path, prefix: &str) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(parent) else { return Vec::new() };
    let mut versions: Vec<(u32, PathBuf)> = entries
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name();
            let version = name.to_str()?.strip_prefix(prefix)?;
            Some((version.split('.').next()?.parse().ok()?, entry.path()))
        })
        .collect();
    versions.sort_by(|a, b| b.cmp(a));
    versions.into_iter().map(|(_, path)| path).collect()
}

/// The major version of the server in a directory that also has what is needed to make a cluster.
async fn version_in(directory: &Path) -> Option<u32> {
    if !directory.join("initdb").is_file() {
        return None;
    }
    let output = Command::new(directory.join("postgres")).arg("--version").output().await.ok()?;
    parse_version(&String::from_utf8(output.stdout).ok()?)
}

/// `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`, `… 18beta1`, `… 19devel`.
fn parse_version(text: &str) -> Option<u32> {
    let number = text.split_once("(PostgreSQL)")?.1.trim_start();
    number.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_read_from_all_its_forms() {
        assert_eq!(parse_version("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n"), Some(15));
        assert_eq!(parse_version("postgres (PostgreSQL) 18beta1\n"), Some(18));
        assert_eq!(parse_version("postgres (PostgreSQL) 19devel\n"), Some(19));
        assert_eq!(parse_version("something else"), None);
    }

    #[test]
    fn versions_are_tried_newest_first_by_number() {
        let parent = tempfile::tempdir().unwrap();
        for version in ["9.6", "15", "17", "common"] {
            std::fs::create_dir(parent.path().join(version)).unwrap();
        }
        let found = newest_first(parent.path(), "");
        let names: Vec<_> = found.iter().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
        assert_eq!(names, ["17", "15", "9.6"]);
    }
}
