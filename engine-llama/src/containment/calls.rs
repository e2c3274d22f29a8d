//! Which system calls the worker may make: seccomp, in the kernel since Linux 3.17, without privileges.
//!
//! A list of what is allowed, not of what is forbidden: the kernel gains calls with every release, and numbers of another
//! calling convention go past a list of forbidden ones. What is not listed fails as if the kernel did not have it
//! (`ENOSYS`), which C libraries are written to cope with. On the list is what computing with threads, memory, time and
//! files takes. Not on it: sockets, starting programs, tracing, signals to others, namespaces, io_uring, bpf, keys,
//! and what changes files without opening them, which Landlock does not see.

use std::env::consts::ARCH;
use std::process;

use libc::c_long;
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};

use super::DRIVES_DEVICES;

/// Whatever their arguments.
const ALLOWED: [c_long; 99] = [
    // Memory.
    libc::SYS_brk,
    libc::SYS_get_mempolicy,
    libc::SYS_madvise,
    libc::SYS_mbind,
    libc::SYS_membarrier,
    libc::SYS_mincore,
    libc::SYS_mlock,
    libc::SYS_mmap,
    libc::SYS_mprotect,
    libc::SYS_mremap,
    libc::SYS_msync,
    libc::SYS_munlock,
    libc::SYS_munmap,
    // Files. Which ones is for Landlock to say.
    libc::SYS_close,
    libc::SYS_close_range,
    libc::SYS_copy_file_range,
    libc::SYS_dup,
    libc::SYS_dup3,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_fadvise64,
    libc::SYS_fallocate,
    libc::SYS_fcntl,
    libc::SYS_fdatasync,
    libc::SYS_flock,
    libc::SYS_fstat,
    libc::SYS_fstatfs,
    libc::SYS_fsync,
    libc::SYS_ftruncate,
    libc::SYS_getcwd,
    libc::SYS_getdents64,
    libc::SYS_lseek,
    libc::SYS_mkdirat,
    libc::SYS_newfstatat,
    libc::SYS_openat,
    libc::SYS_openat2,
    libc::SYS_pipe2,
    libc::SYS_pread64,
    libc::SYS_preadv,
    libc::SYS_pwrite64,
    libc::SYS_pwritev,
    libc::SYS_read,
    libc::SYS_readahead,
    libc::SYS_readlinkat,
    libc::SYS_readv,
    libc::SYS_renameat2,
    libc::SYS_statfs,
    libc::SYS_statx,
    libc::SYS_sync_file_range,
    libc::SYS_unlinkat,
    libc::SYS_write,
    libc::SYS_writev,
    // Threads.
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_futex,
    libc::SYS_get_robust_list,
    libc::SYS_getcpu,
    libc::SYS_getpid,
    libc::SYS_getppid,
    libc::SYS_gettid,
    libc::SYS_restart_syscall,
    libc::SYS_rseq,
    libc::SYS_sched_get_priority_max,
    libc::SYS_sched_get_priority_min,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_getparam,
    libc::SYS_sched_getscheduler,
    libc::SYS_sched_setaffinity,
    libc::SYS_sched_yield,
    libc::SYS_setpriority,
    libc::SYS_set_robust_list,
    libc::SYS_set_tid_address,
    // Its own signals.
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_rt_sigtimedwait,
    libc::SYS_sigaltstack,
    // Time, and waiting.
    libc::SYS_clock_getres,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_eventfd2,
    libc::SYS_gettimeofday,
    libc::SYS_nanosleep,
    libc::SYS_ppoll,
    libc::SYS_pselect6,
    // About itself and the machine.
    libc::SYS_capget,
    libc::SYS_getegid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getrandom,
    libc::SYS_getrusage,
    libc::SYS_getuid,
    libc::SYS_sysinfo,
    libc::SYS_times,
    libc::SYS_uname,
    libc::SYS_getpriority,
];

/// The older names of some of them, and what asks the processor for its matrix registers.
#[cfg(target_arch = "x86_64")]
const ALLOWED_HERE: [c_long; 17] = [
    libc::SYS_access,
    libc::SYS_arch_prctl,
    libc::SYS_dup2,
    libc::SYS_epoll_wait,
    libc::SYS_getdents,
    libc::SYS_getrlimit,
    libc::SYS_lstat,
    libc::SYS_mkdir,
    libc::SYS_open,
    libc::SYS_pipe,
    libc::SYS_poll,
    libc::SYS_readlink,
    libc::SYS_rename,
    libc::SYS_rmdir,
    libc::SYS_stat,
    libc::SYS_time,
    libc::SYS_unlink,
];
#[cfg(not(target_arch = "x86_64"))]
const ALLOWED_HERE: [c_long; 0] = [];

/// Drivers of devices need these besides.
const ALLOWED_TO_DRIVERS: [c_long; 8] = [
    libc::SYS_ioctl,
    libc::SYS_kcmp,
    libc::SYS_memfd_create,
    libc::SYS_sched_setscheduler,
    libc::SYS_set_mempolicy,
    libc::SYS_timerfd_create,
    libc::SYS_timerfd_gettime,
    libc::SYS_timerfd_settime,
];

/// What `ioctl` may ask of a file: whether it is a terminal, how much there is to read, and to close it in another
/// program.
const IOCTLS: [u64; 3] = [libc::TCGETS, libc::FIONREAD, libc::FIOCLEX];

/// What `prctl` may do: names of threads and of memory, and looking at what holds.
const PRCTLS: [i32; 5] = [
    libc::PR_SET_NAME,
    libc::PR_GET_NAME,
    libc::PR_SET_VMA,
    libc::PR_GET_DUMPABLE,
    libc::PR_GET_NO_NEW_PRIVS,
];

/// Why there is no filter, and what to do.
#[derive(Debug)]
pub struct Unfiltered {
    /// A sentence.
    pub why: String,
}

/// From here on this process makes only the listed calls. Last of all layers: the others need more.
pub fn enter() -> Result<(), Unfiltered> {
    let Ok(arch) = TargetArch::try_from(ARCH) else {
        return Err(Unfiltered { why: format!("filters of system calls are not written for {ARCH}") });
    };
    let failed = |error: &dyn std::fmt::Display| Unfiltered {
        why: format!("the kernel takes no seccomp filter ({error}): use one with CONFIG_SECCOMP_FILTER"),
    };
    let program = filter(arch).map_err(|error| failed(&error))?;
    seccompiler::apply_filter_all_threads(&program).map_err(|error| failed(&error))
}

fn filter(arch: TargetArch) -> Result<BpfProgram, BackendError> {
    let mut rules: std::collections::BTreeMap<c_long, Vec<SeccompRule>> =
        ALLOWED.iter().chain(&ALLOWED_HERE).map(|call| (*call, Vec::new())).collect();
    let own = u64::from(process::id());
    // A thread, and nothing that outlives the process. `clone3` keeps its flags where a filter cannot see them: it is
    // not there, and libraries take this one.
    let thread = libc::CLONE_THREAD as u64;
    rules.insert(libc::SYS_clone, vec![rule([(0, SeccompCmpOp::MaskedEq(thread), thread)])?]);
    // Ending itself, as `abort` does.
    rules.insert(libc::SYS_tgkill, vec![rule([(0, SeccompCmpOp::Eq, own)])?]);
    rules.insert(libc::SYS_ioctl, one_of(1, IOCTLS)?);
    rules.insert(libc::SYS_prctl, one_of(0, PRCTLS.map(|option| option.unsigned_abs().into()))?);
    // Its own limits: to be read, and that of memory to be set.
    let memory = u64::from(libc::RLIMIT_DATA);
    let limits = [
        rule([(0, SeccompCmpOp::Eq, 0), (2, SeccompCmpOp::Eq, 0)])?,
        rule([(0, SeccompCmpOp::Eq, 0), (1, SeccompCmpOp::Eq, memory)])?,
    ];
    rules.insert(libc::SYS_prlimit64, limits.into());
    // The times of an open file; those of a path would not need the right to open it.
    rules.insert(libc::SYS_utimensat, vec![rule([(1, SeccompCmpOp::Eq, 0)])?]);
    if DRIVES_DEVICES {
        rules.extend(ALLOWED_TO_DRIVERS.map(|call| (call, Vec::new())));
    }
    let absent = SeccompAction::Errno(libc::ENOSYS.unsigned_abs());
    SeccompFilter::new(rules, absent, SeccompAction::Allow, arch)?.try_into()
}

fn rule<const N: usize>(conditions: [(u8, SeccompCmpOp, u64); N]) -> Result<SeccompRule, BackendError> {
    let condition = |(argument, is, value)| {
        // Numbers are compared as the kernel reads them, pointers in full.
        let length = if value == 0 { SeccompCmpArgLen::Qword } else { SeccompCmpArgLen::Dword };
        SeccompCondition::new(argument, length, is, value)
    };
    SeccompRule::new(conditions.into_iter().map(condition).collect::<Result<_, _>>()?)
}

fn one_of<const N: usize>(argument: u8, values: [u64; N]) -> Result<Vec<SeccompRule>, BackendError> {
    values.into_iter().map(|value| rule([(argument, SeccompCmpOp::Eq, value)])).collect()
}
