//! How many files the worker may have open, and what is left of it after a crash. Nothing bounds the size of files: the
//! log may be one. Memory is for [`super::memory`].

use std::fs;

use rustix::io;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::DRIVES_DEVICES;

/// Files open at once: model, adapters, states, pipes. Drivers of devices open some hundred.
const FILES_MAX: u64 = if DRIVES_DEVICES { 4096 } else { 256 };

/// Who is killed when the machine runs out of memory, on the kernel's scale from -1000 to 1000: a worker, which is
/// started again, before the server and the database.
const OUT_OF_MEMORY_SCORE: &str = "500";

/// Sets them for good.
pub fn enter() -> io::Result<()> {
    // Refused only where the kernel kills nobody.
    let _ = fs::write("/proc/self/oom_score_adj", OUT_OF_MEMORY_SCORE);
    lower(Resource::Core, 0)?;
    lower(Resource::Nofile, FILES_MAX)
}

/// Whether they are as set.
pub fn hold() -> bool {
    let is_at_most = |resource, most| getrlimit(resource).maximum.is_some_and(|there| there <= most);
    is_at_most(Resource::Core, 0) && is_at_most(Resource::Nofile, FILES_MAX)
}

fn lower(resource: Resource, most: u64) -> io::Result<()> {
    let most = getrlimit(resource).maximum.map_or(most, |there| there.min(most));
    setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })
}
