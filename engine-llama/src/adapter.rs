//! The LoRA adapters of a model: read by [`crate::load`] beside the weights, applied to the context that answers.
//!
//! llama.cpp is given one: the binding replaces an adapter by the next, so several are joined first.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use engine::LoraAdapter;
use engine::decoder::LoadRequest;
use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::model::{LlamaLoraAdapter, LlamaModel};

use crate::log::Complaints;
use crate::refusal;

mod joined;
mod numbers;
mod writer;

/// All adapters of a model together, which fit it.
pub struct Adapter {
    adapter: LlamaLoraAdapter,
    scale: f32,
    file: String,
}

impl Adapter {
    /// Reads the adapters that `request` names; none where it names none.
    ///
    /// # Errors
    /// A sentence for the person who named them: one cannot be read, or is not for this model.
    pub fn read(
        model: &mut LlamaModel,
        request: &LoadRequest,
        complaints: &Complaints,
    ) -> Result<Option<Self>, String> {
        if let Some(missing) = request.lora.iter().find(|adapter| !adapter.path.is_file()) {
            return Err(refusal::of_missing_adapter(&missing.path));
        }
        complaints.take();
        match request.lora.as_slice() {
            [] => Ok(None),
            [one] => Self::read_one(model, one, complaints).map(Some),
            several => Self::read_several(model, several, request, complaints).map(Some),
        }
    }

    fn read_one(
        model: &mut LlamaModel,
        LoraAdapter { path, scale }: &LoraAdapter,
        complaints: &Complaints,
    ) -> Result<Self, String> {
        let file = name(path);
        match model.lora_adapter_init(path) {
            Ok(adapter) => Ok(Self { adapter, scale: *scale, file }),
            Err(_) => Err(refusal::of_adapter(&file, &complaints.take())),
        }
    }

    fn read_several(
        model: &mut LlamaModel,
        adapters: &[LoraAdapter],
        request: &LoadRequest,
        complaints: &Complaints,
    ) -> Result<Self, String> {
        // So the sum is the same to the last bit, in whatever order they are named.
        let mut adapters = adapters.to_vec();
        adapters.sort_by(|one, other| one.path.cmp(&other.path).then(one.scale.total_cmp(&other.scale)));
        let file = adapters.iter().map(|adapter| name(&adapter.path)).collect::<Vec<_>>().join(", ");
        let (sum, path) =
            nameless_file(request).map_err(|error| refusal::of_adapter(&file, &[error.to_string()]))?;
        joined::write(&adapters, &sum).map_err(|misfit| {
            let file = adapters.get(misfit.index).map_or_else(|| file.clone(), |adapter| name(&adapter.path));
            refusal::of_adapter(&file, &[misfit.cause])
        })?;
        let adapter = model.lora_adapter_init(path);
        let adapter = adapter.map_err(|_refused| refusal::of_adapter(&file, &complaints.take()))?;
        Ok(Self { adapter, scale: 1.0, file })
    }

    /// Applies it to all that the context evaluates from now on.
    ///
    /// # Errors
    /// A sentence: llama.cpp refused.
    pub fn apply(&mut self, context: &mut LlamaContext<'_>) -> Result<(), String> {
        let applied = context.lora_adapter_set(&mut self.adapter, self.scale);
        applied.map_err(|error| refusal::of_adapter(&self.file, &[error.to_string()]))
    }
}

/// A file that is gone once it is closed, and a path by which this process can open it meanwhile. It lies where the worker
/// may write.
fn nameless_file(request: &LoadRequest) -> io::Result<(File, PathBuf)> {
    let states = &request.states.directory;
    let directory = if states.as_os_str().is_empty() { std::env::temp_dir() } else { states.clone() };
    let file = tempfile::tempfile_in(directory)?;
    let path = PathBuf::from(format!("/dev/fd/{}", file.as_raw_fd()));
    Ok((file, path))
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
