//! Reads single settings and collects what is wrong with them, so that all faults are told together.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use super::variables::VARIABLES;

/// Looks settings up and remembers the faults.
pub(super) struct Reader<'a> {
    lookup: &'a dyn Fn(&str) -> Option<String>,
    faults: Vec<Fault>,
}

/// What is wrong with one setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The variable.
    pub name: &'static str,
    /// What is wrong and what would be right. Never the value of a secret.
    pub message: String,
}

impl<'a> Reader<'a> {
    pub(super) fn new(lookup: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self { lookup, faults: Vec::new() }
    }

    pub(super) fn fault(&mut self, name: &'static str, message: impl Into<String>) {
        self.faults.push(Fault { name, message: message.into() });
    }

    pub(super) fn into_faults(self) -> Vec<Fault> {
        self.faults
    }

    /// The value, or the default of the list. None: neither.
    pub(super) fn text(&self, name: &'static str) -> Option<String> {
        let given = (self.lookup)(name).map(|value| value.trim().to_owned());
        let default =
            VARIABLES.iter().find(|variable| variable.name == name).map(|variable| variable.default);
        given
            .filter(|value| !value.is_empty())
            .or_else(|| default.filter(|value| !value.is_empty()).map(str::to_owned))
    }

    /// The value as a `T`, or a fault that says what is expected.
    pub(super) fn parsed<T: FromStr>(&mut self, name: &'static str, expected: &str) -> Option<T> {
        let text = self.text(name)?;
        let value = text.parse().ok();
        if value.is_none() {
            self.fault(name, format!("is {text:?}; expected {expected}"));
        }
        value
    }

    /// A number within bounds.
    pub(super) fn number<T>(&mut self, name: &'static str, bounds: RangeInclusive<T>) -> Option<T>
    where
        T: FromStr + PartialOrd + Display,
    {
        let expected = format!("a whole number from {} to {}", bounds.start(), bounds.end());
        let value = self.parsed(name, &expected)?;
        if bounds.contains(&value) {
            return Some(value);
        }
        self.fault(name, format!("is {value}; expected {expected}"));
        None
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy>(&mut self, name: &'static str, choices: &[(&str, T)]) -> Option<T> {
        let text = self.text(name)?;
        let found = choices.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        if found.is_none() {
            let words: Vec<String> = choices.iter().map(|(word, _)| format!("`{word}`")).collect();
            self.fault(name, format!("is {text:?}; expected {}", words.join(" or ")));
        }
        found
    }
}
