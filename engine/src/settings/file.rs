//! Reads `models.toml`, and again when it has changed. What is wrong with one model's table makes that model unusable and
//! no other; what is wrong in a later version leaves in force what was understood before.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::{fs, io};

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue, ValueDeserializer};

use super::{LoraAdapter, ModelSettings};

/// The file's name, beside the models.
const FILE: &str = "models.toml";
/// As many sequences as llama.cpp tells apart.
const SLOTS: RangeInclusive<u32> = 1..=256;
/// Less holds no conversation; no model was trained for more.
const CONTEXT_TOKENS: RangeInclusive<u32> = 256..=1_048_576;
/// More than any machine has cores for.
const THREADS: RangeInclusive<u32> = 1..=512;
/// More than any model has.
const GPU_LAYERS: RangeInclusive<u32> = 0..=1_024;
/// They are added up, so each makes the sum larger, which is read for every token. What is always used together had better
/// be merged into the model's file.
const LORA_MAX: usize = 8;

/// The settings of all models, as far as they could be understood.
#[derive(Debug, Default)]
pub(crate) struct SettingsFile {
    directory: PathBuf,
    stamp: Stamp,
    tables: Tables,
    /// What is wrong with the version that is there now.
    complaint: Option<String>,
}

/// What tells one version of the file from the next: time, size and place on the disk; none where there is no file.
type Stamp = Option<(i64, i64, u64, u64)>;
/// By model.
type Tables = BTreeMap<String, Result<ModelSettings, String>>;

/// Why the file as a whole cannot be used; a sentence.
pub(crate) type Unreadable = String;

impl SettingsFile {
    /// Reads the file in `directory`; where there is none, nothing is set. Paths in it are relative to the directory.
    pub(crate) fn read(directory: &Path) -> Result<Self, Unreadable> {
        let mut file = Self { directory: directory.to_owned(), ..Self::default() };
        // Before it is read: a change meanwhile is seen the next time.
        file.stamp = stamp(directory);
        file.tables = tables(directory)?;
        Ok(file)
    }

    /// Reads the file anew if it has changed; answers whether it has.
    pub(crate) fn refresh(&mut self) -> bool {
        let stamp = stamp(&self.directory);
        if stamp == self.stamp {
            return false;
        }
        self.stamp = stamp;
        self.complaint = match tables(&self.directory) {
            Ok(tables) => self.take_up(tables),
            Err(unreadable) => Some(unreadable),
        };
        match &self.complaint {
            None => tracing::info!("{FILE} has changed; a model follows it when it is next loaded"),
            Some(complaint) => tracing::error!("{complaint}; what was set before stays in force"),
        }
        true
    }

    /// Answers what is wrong with them.
    fn take_up(&mut self, tables: Tables) -> Option<String> {
        let mut wrong = Vec::new();
        let mut before = std::mem::take(&mut self.tables);
        for (id, table) in tables {
            let settings = match (table, before.remove(&id)) {
                (Err(why), Some(Ok(settings))) => {
                    wrong.push(why);
                    Ok(settings)
                }
                (Err(why), _) => {
                    wrong.push(why.clone());
                    Err(why)
                }
                (settings, _) => settings,
            };
            self.tables.insert(id, settings);
        }
        (!wrong.is_empty()).then(|| wrong.join("; "))
    }

    /// What is set for a model; a sentence where it cannot be understood.
    pub(crate) fn of(&self, id: &str) -> Result<ModelSettings, String> {
        self.tables.get(id).cloned().unwrap_or_else(|| Ok(ModelSettings::default()))
    }

    /// What is wrong with a version of the file that came later than the one in force.
    pub(crate) fn complaint(&self) -> Option<&str> {
        self.complaint.as_deref()
    }

    /// The models that have tables.
    pub(crate) fn ids(&self) -> impl Iterator<Item = &str> {
        self.tables.keys().map(String::as_str)
    }
}

fn stamp(directory: &Path) -> Stamp {
    let file = fs::metadata(directory.join(FILE)).ok()?;
    Some((file.mtime(), file.mtime_nsec(), file.len(), file.ino()))
}

fn tables(directory: &Path) -> Result<Tables, Unreadable> {
    let path = directory.join(FILE);
    match fs::read_to_string(&path) {
        Ok(text) => parse(&text, directory).map_err(|why| format!("{} {why}", path.display())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Tables::new()),
        Err(error) => Err(format!("{} cannot be read: {error}", path.display())),
    }
}

fn parse(text: &str, directory: &Path) -> Result<Tables, Unreadable> {
    let table = |(id, table): (Spanned<DeString<'_>>, Spanned<DeValue<'_>>)| {
        let id = id.into_inner().into_owned();
        let settings = settings(table, directory).map_err(|Mistake { at, why }| {
            let line = text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1;
            format!("{FILE}, line {line}, [\"{id}\"]: {why}")
        });
        (id, settings)
    };
    let document = DeTable::parse(text).map_err(|error| format!("is no TOML: {error}"))?;
    Ok(document.into_inner().into_iter().map(table).collect())
}

/// What is wrong with a table, and before which byte of the file.
struct Mistake {
    at: usize,
    why: String,
}

fn settings(table: Spanned<DeValue<'_>>, directory: &Path) -> Result<ModelSettings, Mistake> {
    let begin = table.span().start;
    let keys: Vec<(String, usize)> = (table.get_ref().as_table().into_iter().flat_map(DeTable::keys))
        .map(|key| (key.get_ref().clone().into_owned(), key.span().start))
        .collect();
    let mut settings = ModelSettings::deserialize(ValueDeserializer::from(table)).map_err(|error| {
        let at = error.span().map_or(begin, |span| span.start);
        Mistake { at, why: error.to_string().trim().replace('\n', " ") }
    })?;
    let mistake = |key: &str, why: String| {
        let at = keys.iter().find(|(name, _)| name == key).map_or(begin, |(_, at)| *at);
        Mistake { at, why }
    };
    for (key, value, allowed) in [
        ("slots", settings.slots, &SLOTS),
        ("context_tokens", settings.context_tokens, &CONTEXT_TOKENS),
        ("threads", settings.threads, &THREADS),
        ("batch_threads", settings.batch_threads, &THREADS),
        ("gpu_layers", settings.gpu_layers, &GPU_LAYERS),
    ] {
        check_number(key, value, allowed).map_err(|why| mistake(key, why))?;
    }
    if settings.lora.len() > LORA_MAX {
        let why = format!("lora names {} adapters; at most {LORA_MAX} are allowed", settings.lora.len());
        return Err(mistake("lora", why));
    }
    for LoraAdapter { path, scale } in &mut settings.lora {
        if !scale.is_finite() {
            let why = format!("scale of the adapter {} is {scale}; a number is expected", path.display());
            return Err(mistake("lora", why));
        }
        *path = directory.join(&path);
    }
    settings.draft_model = settings.draft_model.map(|path| directory.join(path));
    Ok(settings)
}

fn check_number(key: &str, value: Option<u32>, allowed: &RangeInclusive<u32>) -> Result<(), String> {
    match value {
        Some(value) if !allowed.contains(&value) => {
            Err(format!("{key} is {value}; {} to {} is allowed", allowed.start(), allowed.end()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
