//! Who runs the private PostgreSQL. It refuses root, so as root an unprivileged account is found: the owner
//! of existing data, else `oriel`, else `postgres` (which the packages of PostgreSQL make), else a new
//! account `oriel`.

use std::os::unix::fs::{MetadataExt, chown};
use std::path::Path;

use nix::unistd::{Uid, User};
use tokio::process::Command;

use super::ClusterError;

/// The account that runs the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Account {
    /// Our own.
    Own,
    /// Another one; we are root.
    Other {
        /// Its name.
        name: String,
        /// Its user id.
        uid: u32,
        /// Its group id.
        gid: u32,
    },
}

impl Account {
    /// The account for the cluster in `data`, which need not exist yet.
    pub async fn find(data: &Path) -> Result<Self, ClusterError> {
        if !Uid::effective().is_root() {
            return Ok(Self::Own);
        }
        if let Ok(metadata) = std::fs::metadata(data)
            && metadata.uid() != 0
        {
            let name = User::from_uid(Uid::from_raw(metadata.uid())).ok().flatten().map(|user| user.name);
            let name = name.unwrap_or_else(|| metadata.uid().to_string());
            return Ok(Self::Other { name, uid: metadata.uid(), gid: metadata.gid() });
        }
        if let Some(account) = named("oriel").or_else(|| named("postgres")) {
            return Ok(account);
        }
        create().await;
        named("oriel").ok_or(ClusterError::NoAccount)
    }

    /// Makes the account the owner of a file or directory.
    pub fn own(&self, path: &Path) -> Result<(), ClusterError> {
        match self {
            Self::Own => Ok(()),
            Self::Other { uid, gid, .. } => {
                chown(path, Some(*uid), Some(*gid)).map_err(ClusterError::file("give away", path))
            }
        }
    }

    /// Makes a program run as the account.
    pub fn run_as(&self, command: &mut Command) {
        if let Self::Other { uid, gid, .. } = self {
            command.uid(*uid).gid(*gid);
        }
    }

    /// The user id.
    pub fn uid(&self) -> u32 {
        match self {
            Self::Own => Uid::effective().as_raw(),
            Self::Other { uid, .. } => *uid,
        }
    }

    /// Whether the account can get to `directory`: as another account it must be let through every one above.
    pub fn check_way(&self, directory: &Path) -> Result<(), ClusterError> {
        let Self::Other { name, uid, gid } = self else { return Ok(()) };
        for directory in directory.ancestors() {
            let metadata = std::fs::metadata(directory).map_err(ClusterError::file("look at", directory))?;
            let mode = metadata.mode();
            let may_enter = if metadata.uid() == *uid {
                mode & 0o100 != 0
            } else if metadata.gid() == *gid {
                mode & 0o010 != 0
            } else {
                mode & 0o001 != 0
            };
            if !may_enter {
                return Err(ClusterError::NoWay { account: name.clone(), directory: directory.to_owned() });
            }
        }
        Ok(())
    }
}

fn named(name: &str) -> Option<Account> {
    let user = User::from_name(name).ok().flatten()?;
    (!user.uid.is_root()).then(|| Account::Other {
        name: user.name,
        uid: user.uid.as_raw(),
        gid: user.gid.as_raw(),
    })
}

/// Where this fails, the account is still missing, and that error says what to do.
async fn create() {
    let made = Command::new("useradd")
        .args(["--system", "--no-create-home", "--shell", "/usr/sbin/nologin", "oriel"])
        .output()
        .await;
    match made {
        Ok(output) if output.status.success() => tracing::info!("made the system account `oriel`"),
        Ok(output) => {
            tracing::warn!(output = %String::from_utf8_lossy(&output.stderr), "useradd failed");
        }
        Err(error) => tracing::warn!(%error, "useradd cannot be run"),
    }
}
