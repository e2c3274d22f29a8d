//! Which files the worker may open: Landlock, in the kernel since Linux 5.13, without privileges.

use std::path::PathBuf;

use engine::decoder::LoadRequest;
use engine::gguf;
use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible as _, LandlockStatus, Ruleset,
    RulesetAttr as _, RulesetCreatedAttr as _, RulesetError, RulesetStatus, Scope, path_beneath_rules,
};

use super::DRIVES_DEVICES;

/// The newest version of Landlock that the library knows. An older kernel does what it can of it.
const NEWEST: ABI = ABI::V10;

/// What the C and C++ libraries ask about the machine. Nothing below `/proc` that is of a process: the server's
/// environment is there.
const ABOUT_THE_MACHINE: [&str; 6] = [
    "/dev/null",
    "/dev/urandom",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/sys/devices/system/cpu",
    "/sys/devices/system/node",
];

/// Where drivers of devices keep the libraries and descriptions that they load when they are first used.
const OF_DRIVERS: [&str; 16] = [
    "/etc/OpenCL",
    "/etc/ld.so.cache",
    "/etc/nvidia",
    "/etc/vulkan",
    "/lib",
    "/lib64",
    "/opt",
    "/proc/devices",
    "/proc/driver",
    "/proc/modules",
    "/proc/self",
    "/proc/sys/vm",
    "/run/opengl-driver",
    "/sys",
    "/usr",
    "/var/lib/dcgm",
];

/// Devices are opened for reading and writing, and are given orders.
const DEVICES: [&str; 1] = ["/dev"];

/// How far the kernel went along.
#[derive(Debug)]
pub enum Files {
    /// With this version of Landlock.
    Bound { abi: i32 },
    /// Why not, and what to do.
    Free { why: String },
}

/// From here on this thread and those that it starts open only what loading `request` needs. Whatever is already open
/// stays open.
pub fn enter(request: &LoadRequest) -> Files {
    match restrict(request) {
        Ok(files) => files,
        Err(error) => Files::Free { why: format!("Landlock failed: {error}") },
    }
}

fn restrict(request: &LoadRequest) -> Result<Files, RulesetError> {
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(NEWEST))?
        .handle_access(AccessNet::from_all(NEWEST))?
        .scope(Scope::from_all(NEWEST))?
        .create()?
        .add_rules(path_beneath_rules(to_read(request), read))?
        .add_rules(path_beneath_rules(ABOUT_THE_MACHINE, read))?
        .add_rules(path_beneath_rules([&request.states.directory], read | writing()))?;
    if DRIVES_DEVICES {
        let orders = read | AccessFs::WriteFile | AccessFs::IoctlDev;
        rules = rules
            .add_rules(path_beneath_rules(OF_DRIVERS, read))?
            .add_rules(path_beneath_rules(DEVICES, orders))?;
    }
    let status = rules.restrict_self()?;
    Ok(match status.landlock {
        LandlockStatus::Available { effective_abi, kernel_abi, .. } if status.ruleset != RulesetStatus::NotEnforced => {
            Files::Bound { abi: kernel_abi.unwrap_or(effective_abi as i32) }
        }
        LandlockStatus::NotEnabled => Files::Free {
            why: "Landlock is switched off in this kernel: add `landlock` to its boot parameter `lsm=`".to_owned(),
        },
        _ => Files::Free {
            why: "this kernel has no Landlock, or a container's seccomp profile hides it: use Linux 5.13 or later, \
                  and Docker 23 or later"
                .to_owned(),
        },
    })
}

/// Regular files and directories, made, written, renamed and removed. No links, sockets or devices, and nothing that
/// could be run.
fn writing() -> BitFlags<AccessFs> {
    AccessFs::WriteFile
        | AccessFs::Truncate
        | AccessFs::MakeReg
        | AccessFs::MakeDir
        | AccessFs::RemoveFile
        | AccessFs::RemoveDir
        | AccessFs::Refer
}

/// The files that make up the model.
fn to_read(request: &LoadRequest) -> Vec<PathBuf> {
    let mut files = gguf::parts(&request.path);
    files.extend(request.lora.iter().map(|adapter| adapter.path.clone()));
    files.extend(request.draft_model.as_deref().into_iter().flat_map(gguf::parts));
    // For the names of functions, should a panic be told with a backtrace.
    files.extend(std::env::current_exe());
    files
}
