//! What the worker may do because of whose it is.

use rustix::io;
use rustix::process::{DumpableBehavior, set_dumpable_behavior};
use rustix::thread::{CapabilitySet, CapabilitySets, capabilities, set_capabilities, set_no_new_privs};

/// All that root keeps: a server that runs as root may have models that belong to others. Which files those are is for
/// Landlock to say.
pub const KEPT: CapabilitySet = CapabilitySet::DAC_READ_SEARCH;

/// No program that it might start gains rights (without which the kernel takes neither filters nor Landlock's rules),
/// root is root no more, and nobody else reads its memory, not even as an image after a crash.
pub fn enter() -> io::Result<()> {
    set_no_new_privs(true)?;
    let permitted = capabilities(None)?.permitted & KEPT;
    set_capabilities(
        None,
        CapabilitySets { effective: permitted, permitted, inheritable: CapabilitySet::empty() },
    )?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable)
}
