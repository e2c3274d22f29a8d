//! What the worker's process takes beside the buffers that its decoder knows of: libraries, the vocabulary, tables.

use std::fs;

use crate::MemoryUse;

/// Adds it to what the decoder told.
pub(super) fn with_process(memory: MemoryUse) -> MemoryUse {
    let resident_bytes = fs::read_to_string("/proc/self/status").ok().and_then(|text| resident_bytes(&text));
    let known_bytes = memory.weights_bytes.saturating_add(memory.cache_bytes);
    // The weights are read and the cache was cleared, so both are resident; of the compute buffers hardly anything.
    let process_bytes = resident_bytes.unwrap_or_default().saturating_sub(known_bytes);
    MemoryUse { process_bytes, ..memory }
}

/// `VmRSS` of `/proc/<pid>/status`.
fn resident_bytes(status: &str) -> Option<u64> {
    let kib = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?.split_whitespace().next()?;
    kib.parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_of_a_process_is_read_as_linux_writes_it() {
        assert_eq!(resident_bytes("Name:\tx\nVmRSS:\t    1204 kB\nRssAnon:\t 8 kB\n"), Some(1204 * 1024));
        assert_eq!(resident_bytes("Name:\tx\n"), None);
    }
}
