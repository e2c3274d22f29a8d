//! Puts the worker into a place from which it reaches the model and its states and nothing else, before llama.cpp
//! parses anything.
//!
//! A model's file, its template and a grammar are not trusted, and C++ code that reads such things has had holes. So the
//! process that reads them gives up what it does not need: the network, all other files, other processes, its
//! privileges. `main` calls [`enter`] while there is one thread only: what Landlock forbids, it forbids that thread and
//! those that it starts. Every layer is then tried from inside. What does not hold, or what the kernel lacks, is told,
//! and the worker goes on: an old kernel is no reason to answer nobody.
//!
//! That a worker ends with its parent needs nothing here: it ends with its input.

use engine::containment::Containment;
use engine::decoder::LoadRequest;

#[cfg(target_os = "linux")]
mod calls;
#[cfg(target_os = "linux")]
mod checks;
#[cfg(target_os = "linux")]
mod files;
#[cfg(target_os = "linux")]
mod limits;
pub mod memory;
#[cfg(target_os = "linux")]
mod privileges;

/// Whether the build drives devices other than the processor: their drivers load libraries, open devices and give them
/// orders.
#[cfg(target_os = "linux")]
const DRIVES_DEVICES: bool = cfg!(any(feature = "cuda", feature = "vulkan"));

/// Contains this process for good, and tells what holds.
#[cfg(target_os = "linux")]
pub fn enter(request: &LoadRequest) -> Containment {
    // What can only be found out before.
    crate::threads::cores();
    let attempts = checks::Attempts::new(request);

    let limits = limits::enter();
    let most_bytes = memory::bound_to_machine();
    let privileges = privileges::enter();
    let files = files::enter(request);
    // The last: the others need calls that it takes away.
    let filtered = calls::enter();

    let layers = vec![
        checks::environment(),
        checks::privileges(privileges),
        attempts.files(&files),
        attempts.network(&filtered, &files),
        attempts.processes(&filtered),
        checks::limits(limits),
        checks::memory(most_bytes),
    ];
    told(Containment { layers })
}

/// Tells that there is nothing to contain a process with.
#[cfg(not(target_os = "linux"))]
pub fn enter(_: &LoadRequest) -> Containment {
    use engine::containment::{Layer, LayerKind};

    let why = "only Linux can contain a worker: run models that you do not trust in a container or a virtual machine";
    told(Containment { layers: vec![Layer::missing(LayerKind::Files, why)] })
}

fn told(containment: Containment) -> Containment {
    let in_force: Vec<&str> = (containment.layers.iter())
        .filter(|layer| layer.is_in_force)
        .map(|layer| layer.kind.name())
        .collect();
    tracing::info!(in_force = in_force.join(", "), "the model's process is contained");
    for layer in containment.missing() {
        tracing::warn!(
            layer = layer.kind.name(),
            why = layer.detail,
            "the model's process is not fully contained"
        );
    }
    containment
}
