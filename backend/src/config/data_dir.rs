//! Where data is kept when nobody says.

use std::path::PathBuf;

/// `/var/lib/oriel` for root: the private PostgreSQL runs as another user, who cannot enter a private home. Else the
/// user's own data directory.
pub(super) fn default(lookup: &dyn Fn(&str) -> Option<String>) -> Option<PathBuf> {
    if is_root() {
        return Some(PathBuf::from("/var/lib/oriel"));
    }
    let set = |name| lookup(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("XDG_DATA_HOME")
        .or_else(|| set("HOME").map(|home| home.join(".local/share")))
        .map(|base| base.join("oriel"))
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
