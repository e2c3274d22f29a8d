//! The words behind `cargo xtask figures compare`.

use std::path::PathBuf;

use crate::failure::{Failure, Outcome};

const USAGE: &str = "\
usage: cargo xtask figures compare [--runs N] [--model FILE] [--q8-0] [--slots N] [--kernels NAME] [--only SCENARIOS]
                                   [--peer WORDS]

  --runs N           how often each scenario is done at each server (5)
  --model FILE       another GGUF file than the starter model, at both
  --q8-0             the file written again with its matrices in Q8_0, at both
  --slots N          slots of both, and streams in the scenario of many (8)
  --kernels NAME     Oriel's own kernels, as in ORIEL_KERNELS: `oriel-engine version` names them
  --only SCENARIOS   some of them, with commas between: `oriel-bench compare --help` names them
  --peer WORDS       more for bench/peer/llama_server.py, as in --peer '--kv-unified'";

/// What to compare.
#[derive(Debug, PartialEq, Eq)]
pub struct Options {
    /// How often.
    pub runs: String,
    /// A file of one's own.
    pub model: Option<PathBuf>,
    /// Answers at the same time.
    pub slots: String,
    /// Oriel's own kernels; the best that the processor knows where this is missing.
    pub kernels: Option<String>,
    /// Scenarios.
    pub only: Option<String>,
    /// Both compute with the file in Q8_0.
    pub q8_0: bool,
    /// Further words for the peer's launcher.
    pub peer: Vec<String>,
}

impl Options {
    /// Reads them.
    pub fn read(words: &[&str]) -> Outcome<Self> {
        let mut options = Self {
            runs: "5".into(),
            model: None,
            slots: "8".into(),
            kernels: None,
            only: None,
            q8_0: false,
            peer: Vec::new(),
        };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let mut value = || {
                let value =
                    words.next().ok_or_else(|| Failure::new(format!("{word} needs a value.\n\n{USAGE}")));
                value.map(|value| (*value).to_owned())
            };
            match *word {
                "--runs" => options.runs = value()?,
                "--model" => options.model = Some(value()?.into()),
                "--slots" => options.slots = value()?,
                "--kernels" => options.kernels = Some(value()?),
                "--only" => options.only = Some(value()?),
                "--q8-0" => options.q8_0 = true,
                "--peer" => options.peer = value()?.split_whitespace().map(str::to_owned).collect(),
                other => return Err(Failure::new(format!("`{other}` is not known here.\n\n{USAGE}"))),
            }
        }
        Ok(options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_understood_is_answered_with_what_is() {
        let read = Options::read(&["--runs", "3", "--q8-0", "--peer", "--kv-unified --guess"]).unwrap();
        assert_eq!((read.runs.as_str(), read.q8_0, read.slots.as_str()), ("3", true, "8"));
        assert_eq!(read.peer, ["--kv-unified", "--guess"]);
        for words in [&["--runs"][..], &["--fast"]] {
            let message = Options::read(words).unwrap_err().to_string();
            assert!(message.contains("usage:") && message.contains(words[0]), "{message}");
        }
    }
}
