//! Why a model cannot be used, as sentences for the person who chose it: what is wrong, and what to do.
//!
//! [`crate::load`] calls it with the name of the file and what llama.cpp complained of.

use std::path::Path;

use engine::decoder::ModelFacts;

/// The program cannot run on this processor.
pub fn of_processor(missing: &[&str]) -> String {
    format!(
        "this build of oriel-engine needs a processor with {}, which this one lacks; \
         build it on this machine with `cargo xtask up`, or run it on a newer one",
        missing.join(", ")
    )
}

/// llama.cpp did not load the file.
pub fn of_model(file: &str, complaints: &[String]) -> String {
    let cause = cause(complaints);
    let says = |words: &[&str]| words.iter().any(|word| cause.contains(word));
    let advice = if says(&[
        "not within the file bounds",
        "corrupted",
        "incomplete",
        "unexpectedly reached end of file",
    ]) {
        "the file is damaged or not complete: download it again"
    } else if says(&["unknown model architecture", "unknown pre-tokenizer", "unsupported model"]) {
        "this version of Oriel does not know such a model: update Oriel or choose another model"
    } else if says(&["allocate", "out of memory", "mmap failed"]) {
        "it needs more memory than there is: choose a smaller model or a smaller quantisation"
    } else {
        "choose another model, or download the file again"
    };
    format!("{file} cannot be loaded; {advice} ({cause})")
}

/// The file was loaded, but is of a kind that cannot chat.
pub fn of_kind(file: &str, kind: &str) -> String {
    format!("{file} is {kind} and cannot chat; choose a chat model")
}

/// There is no room for the caches.
pub fn of_context(file: &str, facts: &ModelFacts, complaints: &[String]) -> String {
    let ModelFacts { slots, context_tokens, .. } = facts;
    let cause = cause(complaints);
    format!(
        "{file} was loaded, but there is no memory for {slots} slots of {context_tokens} tokens; \
         lower SLOTS or CONTEXT_TOKENS ({cause})"
    )
}

/// What one model drafts means something else to the other.
pub fn of_draft_vocabulary(file: &str, own_tokens: u32, wanted_tokens: u32) -> String {
    format!(
        "{file} has another vocabulary ({own_tokens} tokens, and the model has {wanted_tokens}); set `draft_model` to a \
         small model of the same family, or take it out of models.toml"
    )
}

/// What it drafts cannot be taken back.
pub fn of_draft_cache(file: &str) -> String {
    format!(
        "{file} cannot forget single tokens; choose another one, or take `draft_model` out of models.toml"
    )
}

/// The adapter was not loaded.
pub fn of_adapter(file: &str, complaints: &[String]) -> String {
    let cause = cause(complaints);
    let cause = cause.split_once("error: ").map_or(cause.as_str(), |(_, cause)| cause);
    format!(
        "the adapter {file} cannot be used with this model; name one that was trained for it, or take `lora` out of \
         models.toml ({cause})"
    )
}

/// There is no such file.
pub fn of_missing_adapter(path: &Path) -> String {
    format!("the adapter {} is not there; correct `lora` in models.toml", path.display())
}

/// The settings contradict each other.
pub fn of_attention(file: &str) -> String {
    format!(
        "{file} cannot be used with `flash_attention = \"off\"` and values in the cache that are not floats; \
         set `flash_attention = \"auto\"`, or `cache_type_v = \"f16\"`"
    )
}

/// The first token could not be evaluated.
pub fn of_first_step(file: &str, error: &str) -> String {
    format!("{file} was loaded, but cannot be evaluated; choose another model ({error})")
}

/// llama.cpp tells the cause first, and then for each floor above that it failed.
fn cause(complaints: &[String]) -> String {
    let Some(first) = complaints.first() else { return "llama.cpp gave no reason".to_owned() };
    let told = complaints.iter().find_map(|complaint| complaint.split_once("error loading model: "));
    told.map_or(first.as_str(), |(_, cause)| cause).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_the_file_the_remedy_and_the_cause() {
        let complaints = [
            "error loading model: tensor 'a' data is not within the file bounds, model is corrupted or incomplete",
            "failed to load model",
        ];
        let refusal = of_model("x.gguf", &complaints.map(str::to_owned));
        assert_eq!(
            refusal,
            "x.gguf cannot be loaded; the file is damaged or not complete: download it again (tensor 'a' data is \
             not within the file bounds, model is corrupted or incomplete)"
        );
        let unknown =
            of_model("x.gguf", &["error loading model: unknown model architecture: 'new'".to_owned()]);
        assert!(unknown.contains("update Oriel"), "{unknown}");
        assert!(of_model("x.gguf", &[]).contains("no reason"));
    }
}
