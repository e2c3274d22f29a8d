//! Keeps what workers have left on disk in order: each keeps to the budget alone, and none knows of a model that is not
//! loaded any more.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::mpsc::WeakSender;

use super::Request;
use crate::worker::states::directory;
use crate::{EngineConfig, Whose};

/// So long may several models together be over the budget, and a state over its age. A look takes some milliseconds.
const PERIOD: Duration = Duration::from_secs(60);
/// What the names of the directories begin with.
const PREFIX: &str = "states-";

/// Where a model's states lie.
pub(super) fn directory_of(state_dir: &Path, model: &str) -> PathBuf {
    state_dir.join(format!("{PREFIX}{model}"))
}

/// Deletes now and then what is too old or too much, until the pool has gone.
pub(crate) async fn run(config: EngineConfig, pool: WeakSender<Request>) {
    let mut ticks = tokio::time::interval(PERIOD);
    loop {
        ticks.tick().await;
        if pool.upgrade().is_none() {
            return;
        }
        let (state_dir, most_bytes, max_age) =
            (config.state_dir.clone(), config.states_disk_bytes, config.states_max_age);
        let sweep = move || directory::sweep(&directories(&state_dir), most_bytes, max_age);
        // A panic there would only leave files until the next time.
        let _ = tokio::task::spawn_blocking(sweep).await;
    }
}

/// Deletes what lies there of them, of all models.
pub(crate) fn forget(state_dir: &Path, whose: Whose) {
    directories(state_dir).iter().for_each(|directory| directory::forget(directory, whose));
}

/// Whose states lie there, of all models.
pub(crate) fn kept(state_dir: &Path) -> BTreeSet<Whose> {
    directories(state_dir).iter().flat_map(|directory| directory::kept(directory)).collect()
}

fn directories(state_dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(state_dir).into_iter().flatten().flatten();
    let is_one = |name: &std::ffi::OsStr| name.to_string_lossy().starts_with(PREFIX);
    entries.filter(|entry| is_one(&entry.file_name())).map(|entry| entry.path()).collect()
}
