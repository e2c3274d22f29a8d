//! Finds many short texts in a long one.

use std::collections::{HashMap, HashSet};

/// Texts to look for, each with what it stands for.
#[derive(Debug)]
pub struct Finder<T> {
    by_text: HashMap<Box<str>, T>,
    /// Of the texts, in bytes, longest first.
    lengths: Vec<usize>,
    first_chars: HashSet<char>,
}

/// A place where one of the texts was found.
#[derive(Clone, Copy, Debug)]
pub struct Found<T> {
    /// Where it begins, in bytes.
    pub at: usize,
    /// Where it ends, in bytes.
    pub end: usize,
    /// What it stands for.
    pub what: T,
}

impl<T: Copy> Finder<T> {
    /// Looks for `texts`; empty ones are nowhere.
    pub fn new(texts: impl IntoIterator<Item = (String, T)>) -> Self {
        let by_text: HashMap<Box<str>, T> =
            texts.into_iter().map(|(text, what)| (text.into_boxed_str(), what)).collect();
        let first_chars = by_text.keys().filter_map(|text| text.chars().next()).collect();
        let lengths: HashSet<usize> = by_text.keys().map(|text| text.len()).collect();
        let mut lengths: Vec<usize> = lengths.into_iter().collect();
        lengths.sort_unstable_by(|a, b| b.cmp(a));
        Self { by_text, lengths, first_chars }
    }

    /// Whether it looks for this text.
    pub fn has(&self, text: &str) -> bool {
        self.by_text.contains_key(text)
    }

    /// All places, those that overlap too: from left to right, and the longest first where several begin.
    pub fn all<'a>(&'a self, text: &'a str) -> impl Iterator<Item = Found<T>> + 'a {
        let places = text.char_indices().filter(|(_, first)| self.first_chars.contains(first));
        places.flat_map(move |(at, _)| {
            self.lengths.iter().filter_map(move |&length| {
                let end = at + length;
                let what = self.by_text.get(text.get(at..end)?)?;
                Some(Found { at, end, what: *what })
            })
        })
    }
}
