//! What the worker's process takes beside the buffers that its decoder knows of: libraries, the vocabulary, tables.

use std::fs::File;
use std::os::unix::fs::FileExt as _;

use rustix::param::page_size;

use crate::MemoryUse;

/// The kernel's account of this process.
#[derive(Debug)]
pub(super) struct Process {
    pages: Option<File>,
    page_bytes: u64,
}

impl Process {
    /// Opens it, which a contained process may not.
    pub(super) fn open() -> Self {
        Self { pages: File::open("/proc/self/statm").ok(), page_bytes: page_size() as u64 }
    }

    /// Adds it to what the decoder told.
    pub(super) fn added_to(&self, memory: MemoryUse) -> MemoryUse {
        let known_bytes = [memory.weights_bytes, memory.copied_bytes, memory.cache_bytes];
        let known_bytes = known_bytes.into_iter().fold(0, u64::saturating_add);
        // The weights are read and the cache was cleared, so both are resident; of the compute buffers hardly anything.
        let process_bytes = self.resident_bytes().unwrap_or_default().saturating_sub(known_bytes);
        MemoryUse { process_bytes, ..memory }
    }

    fn resident_bytes(&self) -> Option<u64> {
        let mut text = [0; 256];
        let length = self.pages.as_ref()?.read_at(&mut text, 0).ok()?;
        let pages = resident_pages(std::str::from_utf8(text.get(..length)?).ok()?)?;
        pages.checked_mul(self.page_bytes)
    }
}

/// The second number of `statm`.
fn resident_pages(statm: &str) -> Option<u64> {
    statm.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_size_of_a_process_is_read_as_linux_writes_it() {
        assert_eq!(resident_pages("16904 1204 900 2 0 1500 0\n"), Some(1204));
        assert_eq!(resident_pages(""), None);
    }
}
