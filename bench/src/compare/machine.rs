//! Where and when it was measured, and how much of the machine others took meanwhile.

use std::fs;

use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::process;

/// This machine.
#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    /// Its processor.
    pub processor: String,
    /// How many cores this process may use.
    pub cores: usize,
    /// Linux's version.
    pub kernel: String,
    /// Programs that wanted to run in the minute before, on average.
    pub load_before: f64,
    /// When, in UTC.
    pub taken_at: String,
}

impl Machine {
    /// This one, now.
    pub fn read() -> Self {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let processor = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let now = OffsetDateTime::now_utc().truncate_to_second();
        Self {
            processor: processor.map_or_else(|| "unknown".into(), |(_, name)| name.trim().to_owned()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            kernel: kernel.trim().to_owned(),
            load_before: load.split(' ').next().and_then(|load| load.parse().ok()).unwrap_or_default(),
            taken_at: now.format(&Rfc3339).unwrap_or_default(),
        }
    }
}

/// What the processors have done since the machine was started.
#[derive(Clone, Copy, Debug)]
pub struct Work {
    all_ms: u64,
    busy_ms: u64,
    ours_ms: u64,
}

impl Work {
    /// Until now. Ours is this process and all that it has started; none where the system does not tell.
    pub fn now() -> Option<Self> {
        let pid = std::process::id();
        let living = process::family(pid).into_iter().filter_map(|pid| process::processor_ms(pid).ok());
        let ours_ms = living.sum::<u64>() + process::ended_children_ms(pid).ok()?;
        let (all_ms, busy_ms) = processors(&fs::read_to_string("/proc/stat").ok()?)?;
        Some(Self { all_ms, busy_ms, ours_ms })
    }

    /// The part of all processors that others took since `before`, in percent.
    pub fn others_percent(&self, before: &Self) -> f64 {
        let busy = self.busy_ms.saturating_sub(before.busy_ms);
        let others = busy.saturating_sub(self.ours_ms.saturating_sub(before.ours_ms));
        others as f64 * 100.0 / (self.all_ms.saturating_sub(before.all_ms)).max(1) as f64
    }
}

/// Time of all processors, and what of it they were not idle, in ms; what the machine's host took from it counts as
/// busy.
fn processors(stat: &str) -> Option<(u64, u64)> {
    let line = stat.lines().next()?.strip_prefix("cpu ")?;
    // user, nice, system, idle, iowait, irq, softirq, steal, in ticks of 10 ms; guests are counted in user.
    let ticks: Vec<u64> = line.split_whitespace().take(8).filter_map(|field| field.parse().ok()).collect();
    let all = ticks.iter().sum::<u64>();
    let idle: u64 = ticks.iter().skip(3).take(2).sum();
    Some((all * 10, (all - idle) * 10))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_ours_and_not_idle_is_of_others() {
        let (all_ms, busy_ms) = processors("cpu  10 5 15 100 20 1 2 7 0 0\ncpu0 1 2 3").unwrap();
        assert_eq!((all_ms, busy_ms), (1600, 400));
        let before = Work { all_ms, busy_ms, ours_ms: 100 };
        let after = Work { all_ms: all_ms + 1000, busy_ms: busy_ms + 600, ours_ms: 500 };
        assert_eq!(after.others_percent(&before), 20.0);
    }
}
