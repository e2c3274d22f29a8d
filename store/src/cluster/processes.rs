//! Which processes of a PostgreSQL there are, as the kernel tells. For the private server, which has to know what an earlier
//! one of this directory left. Nothing is ended here.

use std::fs;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::Pid;

/// The first line of a pid file.
pub(crate) fn read_pid(path: &Path) -> Option<Pid> {
    let text = fs::read_to_string(path).ok()?;
    let pid: i32 = text.lines().next()?.trim().parse().ok()?;
    // kill() reads zero and negative numbers as groups.
    (pid > 0).then(|| Pid::from_raw(pid))
}

/// Whether there is such a process, whoever owns it.
pub(crate) fn is_alive(pid: Pid) -> bool {
    kill(pid, None) != Err(Errno::ESRCH) && !is_zombie(pid)
}

/// One that has ended and that its parent has not looked at. Where there is no /proc nobody can tell.
fn is_zombie(pid: Pid) -> bool {
    let stat = fs::read_to_string(PathBuf::from(format!("/proc/{pid}/stat"))).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with('Z'))
}

/// Whether a process is a PostgreSQL; without /proc the socket alone must tell.
pub(super) fn is_postgres(pid: Pid) -> bool {
    fs::read_to_string(format!("/proc/{pid}/comm")).map_or(true, |name| name.trim() == "postgres")
}

/// The processes of PostgreSQL that work in a data directory. Where there is no /proc none is found, and a start that
/// comes too early is repeated.
pub(super) fn processes_in(data: &Path) -> Vec<Pid> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).map(Pid::from_raw);
    pids.filter(|pid| place_of(*pid).is_some_and(|place| place == data))
        .filter(|pid| is_postgres(*pid) && is_alive(*pid))
        .collect()
}

/// Whether a process is not known to work elsewhere: every process of a server works in its data directory.
pub(super) fn may_work_in(pid: Pid, data: &Path) -> bool {
    place_of(pid).is_none_or(|place| place == data)
}

fn place_of(pid: Pid) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{pid}/cwd")).ok()
}
