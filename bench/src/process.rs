//! What the system knows of processes.

use std::fs;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};

use crate::failure::Failure;

/// Memory of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// All that is resident.
    pub rss_bytes: u64,
    /// The same, what is shared with others counted in parts.
    pub pss_bytes: u64,
}

impl Memory {
    /// That of a process of this machine.
    pub fn of(pid: u32) -> Result<Self, Failure> {
        let smaps = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
        let bytes = |name: &str, what: &'static str| {
            let line = smaps.lines().find_map(|line| line.strip_prefix(name));
            let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
            kilobytes.map(|kilobytes| kilobytes * 1024).ok_or(Failure::Process { pid, what })
        };
        Ok(Self { rss_bytes: bytes("Rss:", "no Rss")?, pss_bytes: bytes("Pss:", "no Pss")? })
    }
}

/// The time that a process has spent on processors, in ms.
pub fn processor_ms(pid: u32) -> Result<u64, Failure> {
    // User and system time are the 14th and 15th field.
    times_ms(pid, 11)
}

/// The same of what it has started and seen end.
pub fn ended_children_ms(pid: u32) -> Result<u64, Failure> {
    times_ms(pid, 13)
}

/// Two fields of a process, in ms; the first ones are its number and its name.
fn times_ms(pid: u32, after: usize) -> Result<u64, Failure> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let fields = stat.rsplit(") ").next().unwrap_or_default().split(' ');
    // In ticks of 10 ms.
    let ticks: Vec<u64> = fields.skip(after).take(2).filter_map(|field| field.parse().ok()).collect();
    Ok(ticks.iter().sum::<u64>() * 10)
}

/// A process and all that it has started, directly or not.
pub fn family(pid: u32) -> Vec<u32> {
    let mut found = vec![pid];
    let mut next = 0;
    while let Some(parent) = found.get(next).copied() {
        next += 1;
        let Ok(threads) = fs::read_dir(format!("/proc/{parent}/task")) else { continue };
        for thread in threads.flatten() {
            let children = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
            found.extend(children.split_whitespace().filter_map(|child| child.parse::<u32>().ok()));
        }
    }
    found
}

/// Lets this process open so many files.
pub fn allow_files(needs: u64) -> Result<(), Failure> {
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= needs) {
        return Ok(());
    }
    let raised = Rlimit { current: Some(needs), maximum: limit.maximum.map(|maximum| maximum.max(needs)) };
    setrlimit(Resource::Nofile, raised)
        .map_err(|_refused| Failure::Files { may: limit.maximum.unwrap_or_default(), needs })
}

/// This machine's monotonic clock in µs, which the scripted engine writes into its answers.
pub fn monotonic_us() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    (now.tv_sec as u64) * 1_000_000 + (now.tv_nsec as u64) / 1_000
}
