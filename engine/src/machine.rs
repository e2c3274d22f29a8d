//! What the machine has, or what of it this process may use.

use std::fs;
use std::path::Path;

/// Bytes of memory of the machine, or of the control group that this process is in where that is less; none where the
/// system does not tell.
pub fn memory_bytes() -> Option<u64> {
    let machine = fs::read_to_string("/proc/meminfo").ok().and_then(|text| total_bytes(&text));
    let group = fs::read_to_string("/proc/self/cgroup").ok();
    let limit = group.and_then(|text| group_bytes(&text, Path::new("/sys/fs/cgroup")));
    machine.into_iter().chain(limit).min()
}

/// `MemTotal` of `/proc/meminfo`.
fn total_bytes(meminfo: &str) -> Option<u64> {
    let total = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    total.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1024)
}

/// The least bound of a control group and those around it. Within a container its own group is the outermost.
fn group_bytes(cgroup: &str, root: &Path) -> Option<u64> {
    let own = cgroup.lines().find_map(|line| line.strip_prefix("0::"))?;
    let groups = Path::new(own.trim_start_matches('/')).ancestors();
    let bound =
        |group: &Path| fs::read_to_string(root.join(group).join("memory.max")).ok()?.trim().parse().ok();
    groups.filter_map(bound).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_of_a_machine_is_read_as_linux_writes_it() {
        assert_eq!(total_bytes("MemTotal:       24689764 kB\nMemFree: 1 kB\n"), Some(24_689_764 * 1024));
        assert_eq!(total_bytes(""), None);
        assert!(memory_bytes().is_some());
    }

    #[test]
    fn the_narrowest_of_the_groups_around_a_process_counts() {
        let root = tempfile::tempdir().unwrap();
        let inner = root.path().join("outer/inner");
        fs::create_dir_all(&inner).unwrap();
        fs::write(root.path().join("outer/memory.max"), "1000\n").unwrap();
        fs::write(inner.join("memory.max"), "max\n").unwrap();
        assert_eq!(group_bytes("0::/outer/inner\n", root.path()), Some(1_000));
        fs::write(inner.join("memory.max"), "500\n").unwrap();
        assert_eq!(group_bytes("0::/outer/inner\n", root.path()), Some(500));
        assert_eq!(group_bytes("0::/\n", root.path()), None);
    }
}
