//! Finds the models under the model path. A file that cannot be used is listed too, with the reason.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::gguf::{GgufError, Header};
use crate::settings::SettingsFile;
use crate::{ModelId, ModelSettings, StartError};

/// Directories within directories that are searched: `models/<maker>/<model>/<file>` is the deepest usual layout.
const DEPTH_MAX: u32 = 3;

/// One file.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) id: ModelId,
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    pub(crate) size_bytes: u64,
    pub(crate) header: Result<Header, GgufError>,
    /// A sentence where they cannot be understood.
    pub(crate) settings: Result<ModelSettings, String>,
}

/// All models by id: the file itself where `path` is one, or the `.gguf` files under it. Of a model in several parts
/// only the first counts; llama.cpp finds the others beside it. Adapters are no models. Their settings are read from `models.toml` in the
/// directory, or beside the file.
pub(crate) fn scan(path: &Path) -> Result<(Vec<Found>, SettingsFile), StartError> {
    let (directory, files) =
        files(path).map_err(|cause| StartError::ModelPath { path: path.to_owned(), cause })?;
    let settings = SettingsFile::read(&directory).map_err(StartError::Settings)?;
    let inspect = |(id, path): (String, PathBuf)| inspect(id.clone(), path, settings.of(&id));
    let is_model = |found: &Found| !found.header.as_ref().is_ok_and(Header::is_adapter);
    let mut found: Vec<Found> = ids(&files).into_iter().map(inspect).filter(is_model).collect();
    found.sort_by(|a, b| a.id.cmp(&b.id));
    let known: Vec<&str> = found.iter().map(|found| found.id.as_str()).collect();
    for id in settings.ids().filter(|id| !known.contains(id)) {
        tracing::error!(id, ?known, "models.toml sets something for a model that is not there");
    }
    Ok((found, settings))
}

/// The model files under a path, and the directory that they are in.
fn files(path: &Path) -> io::Result<(PathBuf, Vec<PathBuf>)> {
    // A link keeps its own name: caches of downloads keep files under their hashes.
    let path = std::path::absolute(path)?;
    fs::metadata(&path)?;
    if !path.is_dir() {
        return Ok((path.parent().unwrap_or(&path).to_owned(), vec![path]));
    }
    let mut files = Vec::new();
    collect(&path, DEPTH_MAX, &mut files)?;
    files.sort();
    Ok((path, files))
}

/// Reads a header and checks that it is that of a model that can answer.
pub(crate) fn read_header(path: &Path) -> Result<Header, GgufError> {
    let header = Header::read_all(path)?;
    header.check_is_model()?;
    Ok(header)
}

fn inspect(id: String, path: PathBuf, settings: Result<ModelSettings, String>) -> Found {
    let header = read_header(&path);
    let size_bytes = fs::metadata(&path).map_or(0, |metadata| metadata.len());
    Found { name: name(&stem(&path), &id), id: ModelId::new(id), path, size_bytes, header, settings }
}

fn collect(directory: &Path, depth_left: u32, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            if depth_left > 0 {
                // A subdirectory that we may not read is none of ours.
                let _ = collect(&path, depth_left - 1, files);
            }
        } else if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gguf"))
            && part_of(&stem(&path)).is_none_or(|(_, part)| part == 1)
        {
            files.push(path);
        }
    }
    Ok(())
}

/// An id for every file: without the quantisation where that names one file only, with it where not, and numbered where
/// even that is not enough.
fn ids(files: &[PathBuf]) -> BTreeMap<String, PathBuf> {
    let short: Vec<String> = files.iter().map(|path| without_quantisation(&long_id(path))).collect();
    let mut seen = BTreeSet::new();
    let doubles: BTreeSet<&String> = short.iter().filter(|id| !seen.insert(*id)).collect();
    let mut ids = BTreeMap::new();
    for (path, short) in files.iter().zip(&short) {
        let id = if doubles.contains(short) { long_id(path) } else { short.clone() };
        let numbered = (2..).map(|number| format!("{id}-{number}"));
        let free = std::iter::once(id.clone()).chain(numbered).find(|id| !ids.contains_key(id));
        ids.insert(free.unwrap_or(id), path.clone());
    }
    ids
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

/// The name for people: the part of the stem that the id is made of, as words. Not the file's own `general.name`, which
/// is more often the name of a training run than of a model.
fn name(stem: &str, id: &str) -> String {
    let named: String = stem.chars().take(id.chars().count()).collect();
    let words: Vec<String> =
        named.split(['-', '_']).filter(|word| !word.is_empty()).map(capitalised).collect();
    words.join(" ")
}

fn capitalised(word: &str) -> String {
    let mut characters = word.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}

/// The stem in lower case, with a dash for whatever does not belong into a name that people type.
fn long_id(path: &Path) -> String {
    let stem = stem(path);
    let whole = part_of(&stem).map_or(stem.as_str(), |(whole, _)| whole);
    let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' };
    whole.to_lowercase().chars().map(plain).collect()
}

/// Splits `model-00002-of-00005` into the name and the number.
fn part_of(stem: &str) -> Option<(&str, u32)> {
    let (head, total) = stem.rsplit_once("-of-")?;
    let (whole, part) = head.rsplit_once('-')?;
    total.parse::<u32>().ok()?;
    Some((whole, part.parse().ok()?))
}

fn without_quantisation(id: &str) -> String {
    match id.rsplit_once(['-', '.']) {
        Some((name, tail)) if !name.is_empty() && is_quantisation(tail) => {
            name.strip_suffix("-ud").unwrap_or(name).to_owned()
        }
        _ => id.to_owned(),
    }
}

/// `q4_1`, `q4_k_m`, `iq3_xxs`, `tq1_0`, `f16`, `bf16`, `mxfp4`.
fn is_quantisation(tail: &str) -> bool {
    let kinds = ["iq", "tq", "q"];
    let quantised = kinds.iter().find_map(|kind| tail.strip_prefix(kind)).is_some_and(|rest| {
        let mut characters = rest.chars();
        characters.next().is_some_and(|c| c.is_ascii_digit())
            && characters.next().is_none_or(|c| c == '_')
            && characters.all(|c| c.is_ascii_alphanumeric() || c == '_')
    });
    quantised || ["f16", "f32", "bf16", "mxfp4", "fp16"].contains(&tail)
}

#[cfg(test)]
mod tests;
