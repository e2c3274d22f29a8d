//! What was found is kept in the worker's state directory, a file for each model on each machine, so that it is looked
//! for once. A file that cannot be read is as good as none.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::PathBuf;
use std::{fs, io};

use engine::decoder::LoadRequest;

use super::Tuning;
use crate::{kernels, threads};

/// What was found at an earlier load; none where nothing was, or the model, the machine or this program has changed.
pub fn recall(request: &LoadRequest) -> Option<Tuning> {
    let text = fs::read_to_string(path(request)?).ok()?;
    toml::from_str(&text).ok()
}

/// Keeps what was found, where there is a place for it.
pub fn keep(request: &LoadRequest, tuning: Tuning) {
    let Some(path) = path(request) else { return };
    if let Err(error) = write(&path, tuning) {
        tracing::warn!(path = %path.display(), %error, "what was measured cannot be kept");
    }
}

fn write(path: &PathBuf, tuning: Tuning) -> io::Result<()> {
    let Tuning { threads, batch_threads, flash_attention, pass_tokens } = tuning;
    let mut text =
        format!("threads = {threads}\nbatch_threads = {batch_threads}\npass_tokens = {pass_tokens}\n");
    if let Some(is_on) = flash_attention {
        text.push_str(&format!("flash_attention = {is_on}\n"));
    }
    // Whole or not at all, also while another worker reads it.
    let unfinished = path.with_extension(format!("{}", std::process::id()));
    fs::write(&unfinished, text)?;
    fs::rename(&unfinished, path)
}

/// None where nothing may be kept, or the model's file has gone.
fn path(request: &LoadRequest) -> Option<PathBuf> {
    let directory = &request.states.directory;
    if directory.as_os_str().is_empty() {
        return None;
    }
    let mut key = DefaultHasher::new();
    let file = fs::metadata(&request.path).ok()?;
    (request.path.file_name(), file.len()).hash(&mut key);
    (request.slots, request.threads, request.batch_threads, &request.lora.len()).hash(&mut key);
    format!("{:?}", (request.flash_attention, request.cache_type_k, request.cache_type_v)).hash(&mut key);
    (processor(), threads::cores(), threads::available()).hash(&mut key);
    (env!("CARGO_PKG_VERSION"), kernels::in_use()).hash(&mut key);
    Some(directory.join(format!("tuning-{:016x}.toml", key.finish())))
}

/// The processor's name, where the system tells it.
fn processor() -> Option<String> {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").ok()?;
    cpuinfo.lines().find_map(|line| line.strip_prefix("model name")).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::StateBudget;

    fn request(directory: &std::path::Path) -> LoadRequest {
        let path = directory.join("model.gguf");
        fs::write(&path, "a model").unwrap();
        let states = StateBudget { directory: directory.to_owned(), ..StateBudget::default() };
        LoadRequest { states, ..LoadRequest::new(path) }
    }

    const FOUND: Tuning =
        Tuning { threads: 2, batch_threads: 4, flash_attention: Some(false), pass_tokens: 128 };

    #[test]
    fn what_was_kept_is_found_again_until_something_changes() {
        let directory = tempfile::tempdir().unwrap();
        let request = request(directory.path());
        assert_eq!(recall(&request), None);
        keep(&request, FOUND);
        assert_eq!(recall(&request), Some(FOUND));
        let undecided = Tuning { flash_attention: None, ..FOUND };
        keep(&request, undecided);
        assert_eq!(recall(&request), Some(undecided));
        let otherwise = LoadRequest { slots: 7, ..request.clone() };
        assert_eq!(recall(&otherwise), None);
        fs::write(&request.path, "another model").unwrap();
        assert_eq!(recall(&request), None);
    }

    #[test]
    fn a_damaged_file_is_as_good_as_none() {
        let directory = tempfile::tempdir().unwrap();
        let request = request(directory.path());
        fs::write(path(&request).unwrap(), "threads = many").unwrap();
        assert_eq!(recall(&request), None);
    }

    #[test]
    fn without_a_place_nothing_is_kept() {
        let mut request = request(tempfile::tempdir().unwrap().path());
        request.states.directory = PathBuf::new();
        keep(&request, FOUND);
        assert_eq!(recall(&request), None);
    }
}
