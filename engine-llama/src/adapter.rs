//! The LoRA adapter of a model: read by [`crate::load`] beside the weights, applied to the context that answers.

use engine::LoraAdapter;
use engine::decoder::LoadRequest;
use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::model::{LlamaLoraAdapter, LlamaModel};

use crate::log::Complaints;
use crate::refusal;

/// An adapter that fits its model.
pub struct Adapter {
    adapter: LlamaLoraAdapter,
    scale: f32,
    file: String,
}

impl Adapter {
    /// Reads the adapter that `request` names; none where it names none.
    ///
    /// # Errors
    /// A sentence for the person who named it: it cannot be read, or is not for this model.
    pub fn read(
        model: &mut LlamaModel,
        request: &LoadRequest,
        complaints: &Complaints,
    ) -> Result<Option<Self>, String> {
        let LoraAdapter { path, scale } = match request.lora.as_slice() {
            [] => return Ok(None),
            [one] => one,
            // The binding replaces one adapter by the next.
            several => return Err(refusal::of_adapters(several.len())),
        };
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if !path.is_file() {
            return Err(refusal::of_missing_adapter(path));
        }
        complaints.take();
        match model.lora_adapter_init(path) {
            Ok(adapter) => Ok(Some(Self { adapter, scale: *scale, file })),
            Err(_) => Err(refusal::of_adapter(&file, &complaints.take())),
        }
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
