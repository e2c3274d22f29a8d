//! How many threads to decode with.

use std::collections::HashSet;
use std::sync::OnceLock;
use std::{fs, thread};

/// The cores that this process may use. Two threads of one core share the units that decoding needs, and each
/// step waits for its slowest thread: so cores are counted, not the threads that they offer. Counted once, because a
/// contained process cannot see what share of the machine it was given.
pub fn cores() -> u32 {
    static CORES: OnceLock<u32> = OnceLock::new();
    *CORES.get_or_init(|| {
        let available = available();
        let cores = physical_cores().and_then(|cores| u32::try_from(cores).ok()).unwrap_or(available);
        cores.clamp(1, available)
    })
}

/// The threads that the cores offer to this process; counted once, as [`cores`].
pub fn available() -> u32 {
    static AVAILABLE: OnceLock<u32> = OnceLock::new();
    *AVAILABLE.get_or_init(|| {
        thread::available_parallelism().ok().and_then(|count| u32::try_from(count.get()).ok()).unwrap_or(1)
    })
}

/// As Linux tells it; none elsewhere, or where it does not.
fn physical_cores() -> Option<usize> {
    let cpus = fs::read_dir("/sys/devices/system/cpu").ok()?;
    // Each thread of a core names the same group of threads.
    let groups: HashSet<String> = cpus
        .filter_map(|cpu| fs::read_to_string(cpu.ok()?.path().join("topology/thread_siblings_list")).ok())
        .collect();
    Some(groups.len()).filter(|count| *count > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_at_least_one_core_and_no_more_than_threads() {
        let available = thread::available_parallelism().map_or(1, usize::from);
        assert!((1..=available).contains(&(cores() as usize)));
    }
}
