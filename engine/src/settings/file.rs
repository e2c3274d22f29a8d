//! Reads `models.toml`. What is wrong with one model's table makes that model unusable and no other.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::ops::RangeInclusive;
use std::path::Path;

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
    tables: BTreeMap<String, Result<ModelSettings, String>>,
}

/// Why the file as a whole cannot be used; a sentence.
pub(crate) type Unreadable = String;

impl SettingsFile {
    /// Reads the file in `directory`; where there is none, nothing is set. Paths in it are relative to the directory.
    pub(crate) fn read(directory: &Path) -> Result<Self, Unreadable> {
        let path = directory.join(FILE);
        match fs::read_to_string(&path) {
            Ok(text) => Self::parse(&text, directory).map_err(|why| format!("{} {why}", path.display())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(format!("{} cannot be read: {error}", path.display())),
        }
    }

    fn parse(text: &str, directory: &Path) -> Result<Self, Unreadable> {
        let tables: BTreeMap<String, toml::Value> =
            toml::from_str(text).map_err(|error| format!("is no TOML: {error}"))?;
        let tables = tables.into_iter().map(|(id, table)| {
            let settings = settings(table, directory).map_err(|why| format!("{FILE}, [\"{id}\"]: {why}"));
            (id, settings)
        });
        Ok(Self { tables: tables.collect() })
    }

    /// What is set for a model, and no longer looked for afterwards; a sentence where it cannot be understood.
    pub(crate) fn take(&mut self, id: &str) -> Result<ModelSettings, String> {
        self.tables.remove(id).unwrap_or_else(|| Ok(ModelSettings::default()))
    }

    /// The tables that nobody took: they name no model.
    pub(crate) fn left_over(&self) -> impl Iterator<Item = &str> {
        self.tables.keys().map(String::as_str)
    }
}

fn settings(table: toml::Value, directory: &Path) -> Result<ModelSettings, String> {
    let mut settings: ModelSettings =
        table.try_into().map_err(|error: toml::de::Error| error.to_string().trim().replace('\n', " "))?;
    check_number("slots", settings.slots, &SLOTS)?;
    check_number("context_tokens", settings.context_tokens, &CONTEXT_TOKENS)?;
    check_number("threads", settings.threads, &THREADS)?;
    check_number("batch_threads", settings.batch_threads, &THREADS)?;
    check_number("gpu_layers", settings.gpu_layers, &GPU_LAYERS)?;
    if settings.lora.len() > LORA_MAX {
        return Err(format!("lora names {} adapters; at most {LORA_MAX} are allowed", settings.lora.len()));
    }
    for LoraAdapter { path, scale } in &mut settings.lora {
        if !scale.is_finite() {
            return Err(format!("scale of the adapter {} is {scale}; a number is expected", path.display()));
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
