//! How much memory the worker may take.
//!
//! Bounded is what a process may write and nobody shares (`RLIMIT_DATA`): not the weights, which are mapped from the
//! file. Past the bound an allocation fails. In a template or a grammar that is an error of one request; elsewhere it
//! ends the worker, and the pool starts another.

/// What a template or a grammar may take beside the model and its caches: a hundred times what the largest prompts need.
pub const WORKING_BYTES: u64 = 1024 * 1024 * 1024;

#[cfg(target_os = "linux")]
pub use linux::{bound_growth, bound_to_machine, free_growth, widen};

/// Elsewhere memory is not bounded.
#[cfg(not(target_os = "linux"))]
pub fn bound_growth(_: u64) {}

/// Elsewhere memory is not bounded.
#[cfg(not(target_os = "linux"))]
pub fn free_growth() {}

/// Elsewhere memory is not bounded.
#[cfg(not(target_os = "linux"))]
pub fn widen(_: u64) {}

#[cfg(target_os = "linux")]
mod linux {
    use std::fs::File;
    use std::os::unix::fs::FileExt as _;
    use std::sync::OnceLock;

    use rustix::param::page_size;
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    use rustix::system::sysinfo;

    use crate::containment::DRIVES_DEVICES;

    /// The kernel's account of this process. None: memory is not bounded.
    static ACCOUNT: OnceLock<Account> = OnceLock::new();

    /// Opened, and asked for, while that can be done.
    struct Account {
        pages: File,
        page_bytes: u64,
    }

    /// No more than the machine has, for good; answers how many bytes that is. None where it cannot be bounded: drivers
    /// of devices reserve more than there is, without using it.
    pub fn bound_to_machine() -> Option<u64> {
        let pages = File::open("/proc/self/statm").ok().filter(|_| !DRIVES_DEVICES)?;
        let machine = sysinfo();
        let most = (machine.totalram + machine.totalswap).saturating_mul(machine.mem_unit.into());
        let most = getrlimit(Resource::Data).maximum.map_or(most, |there| there.min(most));
        setrlimit(Resource::Data, Rlimit { current: Some(most), maximum: Some(most) }).ok()?;
        ACCOUNT.set(Account { pages, page_bytes: page_size() as u64 }).ok()?;
        Some(most)
    }

    /// Lets this process take `bytes` more than it has now, until the next call of this module.
    pub fn bound_growth(bytes: u64) {
        if let Some(taken) = taken_bytes() {
            bound(taken.saturating_add(bytes));
        }
    }

    /// Lets this process take `bytes` more than it was going to be let.
    pub fn widen(bytes: u64) {
        let bound_bytes = getrlimit(Resource::Data).current.unwrap_or(u64::MAX);
        bound(bound_bytes.saturating_add(bytes));
    }

    /// Lets this process take what the machine has, until the next call of this module.
    pub fn free_growth() {
        bound(u64::MAX);
    }

    fn bound(bytes: u64) {
        if ACCOUNT.get().is_none() {
            return;
        }
        let maximum = getrlimit(Resource::Data).maximum;
        let current = Some(bytes.min(maximum.unwrap_or(u64::MAX)));
        if let Err(error) = setrlimit(Resource::Data, Rlimit { current, maximum }) {
            tracing::warn!(%error, "the memory of the worker cannot be bounded");
        }
    }

    fn taken_bytes() -> Option<u64> {
        let Account { pages, page_bytes } = ACCOUNT.get()?;
        let mut text = [0; 256];
        let length = pages.read_at(&mut text, 0).ok()?;
        let text = std::str::from_utf8(text.get(..length)?).ok()?;
        // The sixth number counts the pages that can be written and are not shared.
        let pages: u64 = text.split_whitespace().nth(5)?.parse().ok()?;
        pages.checked_mul(*page_bytes)
    }
}
