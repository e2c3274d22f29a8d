//! The file of a scripted model.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;
use std::{process, thread};

use crate::LoadStage;
use crate::decoder::{LoadError, LoadProgress};
use crate::gguf::Header;

/// How a scripted worker behaves as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptedModel {
    /// For people.
    pub name: String,
    /// What it was "trained" for.
    pub context_tokens: u32,
    /// Size of its weights, which are a hole in the file.
    pub weights_bytes: u64,
    /// What a token of context takes, as the header and the worker tell; a multiple of 4.
    pub cache_bytes_per_token: u32,
    /// What the worker tells of its memory beyond what the header lets expect.
    pub surplus_mib: u32,
    /// How long it loads.
    pub load_ms: u32,
    /// It cannot be loaded, for this reason.
    pub load_error: Option<String>,
    /// The process aborts in the middle of loading.
    pub crashes_on_load: bool,
    /// How long a step takes.
    pub step_us: u32,
    /// How much longer it takes with each token of a prompt.
    pub prompt_token_us: u32,
    /// How much longer it takes with each draft; none: nothing is drafted.
    pub draft_token_us: Option<u32>,
    /// A small model drafts where nothing is found in the prompt. It is right where chance has no say.
    pub has_draft_model: bool,
    /// Saved states serve only whole, as those of recurrent and sliding-window models.
    pub states_are_whole: bool,
    /// What the chat template writes behind each message of the user, to steer answers to people who do not.
    pub words: String,
}

impl Default for ScriptedModel {
    fn default() -> Self {
        Self {
            name: "Scripted".to_owned(),
            context_tokens: 4_096,
            weights_bytes: 32,
            cache_bytes_per_token: 1_024,
            surplus_mib: 0,
            load_ms: 0,
            load_error: None,
            crashes_on_load: false,
            step_us: 0,
            prompt_token_us: 0,
            draft_token_us: None,
            has_draft_model: false,
            states_are_whole: false,
            words: String::new(),
        }
    }
}

/// As [`ScriptedModel::write`], of a model that works at once.
pub fn write_model(path: &Path) -> io::Result<()> {
    ScriptedModel::default().write(path)
}

impl ScriptedModel {
    /// Writes a GGUF file that passes every check of the header.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let mut metadata = Metadata::default();
        metadata.text("general.architecture", "scripted");
        metadata.text("general.name", &self.name);
        metadata.text("tokenizer.chat_template", "scripted");
        metadata.number("scripted.context_length", self.context_tokens);
        metadata.number("scripted.block_count", 1);
        metadata.number("scripted.attention.head_count", 1);
        // Of each number of a token's width there is a key and a value of two bytes.
        metadata.number("scripted.embedding_length", self.cache_bytes_per_token / 4);
        metadata.number("scripted.surplus_mib", self.surplus_mib);
        metadata.number("scripted.load_ms", self.load_ms);
        metadata.number("scripted.crashes_on_load", u32::from(self.crashes_on_load));
        metadata.number("scripted.step_us", self.step_us);
        metadata.number("scripted.prompt_token_us", self.prompt_token_us);
        metadata.number("scripted.has_draft_model", u32::from(self.has_draft_model));
        if let Some(draft_token_us) = self.draft_token_us {
            metadata.number("scripted.draft_token_us", draft_token_us);
        }
        metadata.number("scripted.states_are_whole", u32::from(self.states_are_whole));
        metadata.text("scripted.words", &self.words);
        if let Some(error) = &self.load_error {
            metadata.text("scripted.load_error", error);
        }
        let mut file = File::create(path)?;
        let header = metadata.into_header(self.weights_bytes);
        file.write_all(&header)?;
        file.set_len(header.len() as u64 + self.weights_bytes)
    }

    pub(super) fn from_header(header: &Header) -> Self {
        let number_of = |key: &str| {
            let value = header.integer(&format!("scripted.{key}"));
            value.and_then(|value| u32::try_from(value).ok())
        };
        let number = |key: &str| number_of(key).unwrap_or(0);
        Self {
            name: header.text("general.name").unwrap_or_default().to_owned(),
            context_tokens: number("context_length").max(1),
            weights_bytes: header.weights_bytes(),
            cache_bytes_per_token: number("embedding_length") * 4,
            surplus_mib: number("surplus_mib"),
            load_ms: number("load_ms"),
            load_error: header.text("scripted.load_error").map(str::to_owned),
            crashes_on_load: number("crashes_on_load") != 0,
            step_us: number("step_us"),
            prompt_token_us: number("prompt_token_us"),
            draft_token_us: number_of("draft_token_us"),
            has_draft_model: number("has_draft_model") != 0,
            states_are_whole: number("states_are_whole") != 0,
            words: header.text("scripted.words").unwrap_or_default().to_owned(),
        }
    }

    pub(super) fn pretend_to_load(&self, progress: &mut LoadProgress<'_>) -> Result<(), LoadError> {
        const STEPS: u32 = 10;
        progress(LoadStage::Opening, 0.0);
        for step in 0..=STEPS {
            if !progress(LoadStage::Weights, step as f32 / STEPS as f32) {
                return Err(LoadError { message: "the server has gone".to_owned() });
            }
            if self.crashes_on_load && step == STEPS / 2 {
                process::abort();
            }
            if step < STEPS {
                thread::sleep(Duration::from_millis(u64::from(self.load_ms)) / STEPS);
            }
        }
        progress(LoadStage::Warming, 0.0);
        match &self.load_error {
            Some(message) => Err(LoadError { message: message.clone() }),
            None => Ok(()),
        }
    }
}

/// Metadata in the format of the file.
#[derive(Default)]
struct Metadata {
    entries: u64,
    bytes: Vec<u8>,
}

impl Metadata {
    fn text(&mut self, key: &str, value: &str) {
        self.begin(key, 8);
        self.raw_text(value);
    }

    fn number(&mut self, key: &str, value: u32) {
        self.begin(key, 4);
        self.bytes.extend(value.to_le_bytes());
    }

    fn begin(&mut self, key: &str, kind: u32) {
        self.entries += 1;
        self.raw_text(key);
        self.bytes.extend(kind.to_le_bytes());
    }

    fn raw_text(&mut self, text: &str) {
        self.bytes.extend((text.len() as u64).to_le_bytes());
        self.bytes.extend(text.as_bytes());
    }

    /// All before the data, which is one tensor of bytes.
    fn into_header(mut self, weights_bytes: u64) -> Vec<u8> {
        let mut file = b"GGUF".to_vec();
        file.extend(3_u32.to_le_bytes());
        file.extend(1_u64.to_le_bytes());
        file.extend(self.entries.to_le_bytes());
        self.raw_text("output.weight");
        self.bytes.extend(1_u32.to_le_bytes());
        self.bytes.extend(weights_bytes.to_le_bytes());
        self.bytes.extend(24_u32.to_le_bytes());
        self.bytes.extend(0_u64.to_le_bytes());
        file.append(&mut self.bytes);
        // The data begins at the next multiple of 32.
        file.resize(file.len().next_multiple_of(32), 0);
        file
    }
}
