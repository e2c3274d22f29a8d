//! Cuts long texts for the tokeniser at places where it cuts them itself.
//!
//! llama.cpp first takes the vocabulary's user-defined tokens out of a text (Gemma has thousands: runs of newlines,
//! HTML tags) and walks the list of all pieces anew for each one that it finds. A message of 256 KiB with a newline
//! in every line takes minutes; passages of a few KiB take none. A passage ends behind such a token, so the tokens
//! are the same.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::finder::{Finder, Found};

/// A passage is at least so long: a call of the tokeniser has a price of its own.
const PASSAGE_BYTES: usize = 4 * 1024;

/// Where a passage may end is sought in so many bytes at once…
const WINDOW_BYTES: usize = 2 * PASSAGE_BYTES;

/// …but not in the last of them, where what follows could change what is a token: longer than any token and any usual
/// run of them.
const MARGIN_BYTES: usize = 256;

/// The user-defined tokens of a vocabulary.
#[derive(Debug)]
pub struct Passages {
    tokens: Finder<()>,
}

impl Passages {
    /// `texts` are the user-defined tokens.
    pub fn new(texts: impl IntoIterator<Item = String>) -> Self {
        Self { tokens: Finder::new(texts.into_iter().map(|text| (text, ()))) }
    }

    /// The passages of a text, in order; together they are the text.
    pub fn of<'a>(&self, text: &'a str) -> Vec<&'a str> {
        let mut passages = Vec::new();
        let mut rest = text;
        while let Some((passage, behind)) = self.first(rest) {
            passages.push(passage);
            rest = behind;
        }
        passages.push(rest);
        passages
    }

    /// Splits off the first passage; none where the text is short, or has no place to end one.
    fn first<'a>(&self, text: &'a str) -> Option<(&'a str, &'a str)> {
        let mut window_at = 0;
        while text.len() > window_at + PASSAGE_BYTES {
            let window = text.get(window_at..text.floor_char_boundary(window_at + WINDOW_BYTES))?;
            let least = PASSAGE_BYTES.saturating_sub(window_at);
            let most = window.len().saturating_sub(MARGIN_BYTES);
            if let Some(end) = self.ends(window).find(|end| (least..=most).contains(end)) {
                return text.split_at_checked(window_at + end);
            }
            window_at = text.floor_char_boundary(window_at + most.max(1));
        }
        None
    }

    /// Where tokens end, from left to right, as llama.cpp finds them: the longest first, wherever they are.
    fn ends(&self, window: &str) -> impl Iterator<Item = usize> + use<> {
        let mut found: Vec<Found<()>> = self.tokens.all(window).collect();
        found.sort_by_key(|found| (Reverse(found.end - found.at), found.at));
        let mut taken = BTreeMap::new();
        for Found { at, end, .. } in found {
            let before = taken.range(..end).next_back();
            if before.is_none_or(|(_, taken_end)| *taken_end <= at) {
                taken.insert(at, end);
            }
        }
        taken.into_values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passages(text: &str) -> Vec<&str> {
        let runs = (1..=31).map(|count| "\n".repeat(count));
        Passages::new(runs).of(text)
    }

    #[test]
    fn a_short_text_is_one_passage() {
        assert_eq!(passages("a\nb\nc"), ["a\nb\nc"]);
        assert_eq!(passages(""), [""]);
    }

    #[test]
    fn a_long_text_is_cut_behind_tokens_and_nothing_is_lost() {
        for text in
            ["ä b\n".repeat(5000), "\n".repeat(20_000), format!("{}\n{}", "é".repeat(9000), "b".repeat(9000))]
        {
            let passages = passages(&text);
            assert_eq!(passages.concat(), text);
            assert!(passages.len() > 1);
            let (_, all_but_last) = passages.split_last().unwrap();
            for passage in all_but_last {
                assert!(passage.len() >= PASSAGE_BYTES && passage.ends_with('\n'), "{}", passage.len());
            }
        }
    }

    #[test]
    fn a_run_is_never_cut_within_a_token() {
        let text = "\n".repeat(20_000);
        for passage in passages(&text).split_last().unwrap().1 {
            assert_eq!(passage.len() % 31, 0);
        }
    }

    #[test]
    fn a_text_without_tokens_is_one_passage() {
        let text = "a".repeat(50_000);
        assert_eq!(passages(&text), [text.as_str()]);
    }
}
