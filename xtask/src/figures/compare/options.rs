//! The words behind `cargo xtask figures compare`.

use std::path::PathBuf;

use crate::failure::{Failure, Outcome};

const USAGE: &str = "\
usage: cargo xtask figures compare [--runs N] [--model FILE] [--only SCENARIOS] [--unified-peer]

  --runs N           how often each scenario is done at each server (5)
  --model FILE       another GGUF file than the starter model, at both
  --only SCENARIOS   some of them, with commas between: `oriel-bench compare --help` names them
  --unified-peer     llama-server with one cache for all slots";

/// What to compare.
#[derive(Debug, PartialEq, Eq)]
pub struct Options {
    /// How often.
    pub runs: String,
    /// A file of one's own.
    pub model: Option<PathBuf>,
    /// Scenarios.
    pub only: Option<String>,
    /// One cache for all slots of the peer.
    pub unified_peer: bool,
}

impl Options {
    /// Reads them.
    pub fn read(words: &[&str]) -> Outcome<Self> {
        let mut options = Self { runs: "5".into(), model: None, only: None, unified_peer: false };
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
                "--only" => options.only = Some(value()?),
                "--unified-peer" => options.unified_peer = true,
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
        let read = Options::read(&["--runs", "3", "--unified-peer"]).unwrap();
        assert_eq!((read.runs.as_str(), read.unified_peer), ("3", true));
        for words in [&["--runs"][..], &["--fast"]] {
            let message = Options::read(words).unwrap_err().to_string();
            assert!(message.contains("usage:") && message.contains(words[0]), "{message}");
        }
    }
}
