//! From tokens to text: whole characters, whole tokens, nothing of a stop string.

use crate::Token;

/// Text that may be told, and the tokens whose bytes it is. Without tokens it is the last of its answer: the beginning
/// of a token that the end has cut.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) text: String,
    pub(crate) tokens: Vec<Token>,
}

/// What one more token did.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Pushed {
    /// There may be something to tell, and the answer goes on.
    More(Option<Piece>),
    /// A stop string is complete: the answer ends with this.
    Stop(Vec<Piece>),
}

/// Collects the tokens of one answer. Holds back those that end within a character or within what may become a stop
/// string: their text is told with the token that decides it.
#[derive(Debug, Default)]
pub(crate) struct TextAssembler {
    stops: Vec<String>,
    bytes: Vec<u8>,
    /// The held tokens, each with the length of `bytes` after it.
    tokens: Vec<(Token, usize)>,
}

impl TextAssembler {
    pub(crate) fn new(stops: Vec<String>) -> Self {
        Self { stops, bytes: Vec::new(), tokens: Vec::new() }
    }

    pub(crate) fn push(&mut self, token: Token, bytes: &[u8]) -> Pushed {
        self.bytes.extend_from_slice(bytes);
        self.tokens.push((token, self.bytes.len()));
        if let Some(start) = first_stop(&self.bytes, &self.stops) {
            return Pushed::Stop(self.take_last(start));
        }
        let settled = self.bytes.len() - self.undecided_len();
        Pushed::More(self.border(settled).and_then(|border| self.take(border)))
    }

    /// The answer has ended: what was held back for a stop string is text after all; half a character is dropped.
    pub(crate) fn finish(&mut self) -> Vec<Piece> {
        self.take_last(self.bytes.len() - incomplete_len(&self.bytes))
    }

    /// Takes the text before `end`, and forgets the rest: first whole tokens, then what a cut has left of one.
    fn take_last(&mut self, end: usize) -> Vec<Piece> {
        let border = self.border(end).unwrap_or(0);
        let whole = self.take(border);
        self.tokens.clear();
        let cut = self.take(end - border);
        self.bytes.clear();
        whole.into_iter().chain(cut).collect()
    }

    /// The last end of a token before `end`, or at it, that is no half of a character.
    fn border(&self, end: usize) -> Option<usize> {
        let whole = self.tokens.iter().map(|(_, token_end)| *token_end).rev();
        whole.filter(|token_end| *token_end <= end).find(|token_end| {
            let text = self.bytes.get(..*token_end).unwrap_or_default();
            incomplete_len(text) == 0
        })
    }

    /// Bytes at the end that may still become part of a stop string.
    fn undecided_len(&self) -> usize {
        let longest = |stop: &String| {
            let stop = stop.as_bytes();
            let most = stop.len().saturating_sub(1).min(self.bytes.len());
            (1..=most).rev().find(|n| stop.get(..*n).is_some_and(|head| self.bytes.ends_with(head)))
        };
        self.stops.iter().filter_map(longest).max().unwrap_or(0)
    }

    /// Takes the text before `end` and the tokens that lie in it.
    fn take(&mut self, end: usize) -> Option<Piece> {
        if end == 0 {
            return None;
        }
        let bytes: Vec<u8> = self.bytes.drain(..end).collect();
        let mut tokens = Vec::new();
        self.tokens.retain_mut(|(token, token_end)| {
            if *token_end <= end {
                tokens.push(*token);
                return false;
            }
            *token_end -= end;
            true
        });
        Some(Piece { text: String::from_utf8_lossy(&bytes).into_owned(), tokens })
    }
}

/// Where the stop string begins that is complete first, and of those that are complete at once the longest: so it does not
/// matter how the text comes in tokens.
fn first_stop(bytes: &[u8], stops: &[String]) -> Option<usize> {
    let places = stops.iter().filter_map(|stop| {
        let start = find(bytes, stop.as_bytes())?;
        Some((start + stop.len(), start))
    });
    places.min().map(|(_, start)| start)
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len().max(1)).position(|window| window == wanted)
}

/// Bytes at the end that begin a character and do not finish it. Bytes that can never become one count as finished:
/// they are told as U+FFFD.
fn incomplete_len(bytes: &[u8]) -> usize {
    let last_chunk = bytes.utf8_chunks().last();
    let tail = last_chunk.map(|chunk| chunk.invalid()).unwrap_or_default();
    match std::str::from_utf8(tail) {
        Err(error) if error.error_len().is_none() => tail.len(),
        _ => 0,
    }
}

#[cfg(test)]
mod tests;
