//! Finds where the last tokens of an answer stood before, in its prompt or in itself: what followed them there is the
//! draft. A chain of earlier places for each run of tokens, as compressors keep it.

use std::collections::HashMap;

use crate::Token;

/// Tokens that have to agree before a place is looked at: fewer agree everywhere by chance.
const RUN: usize = 3;
/// Earlier places of a run that are looked at, latest first: bounds what a token costs in text that repeats itself.
const PLACES_MAX: usize = 16;
/// How far back places are compared. Longer matches are not told apart.
const COMPARED_MAX: usize = 64;
/// Behind a match of so many tokens one that differs is more often a word that was exchanged than an end of the copy.
const EXCHANGED_MIN: usize = 8;
/// No earlier place.
const NONE: u32 = u32::MAX;

/// The index of one stream's tokens, and the place where its end stood before. It keeps no tokens: all methods are given
/// the same ones, which only grow.
#[derive(Debug, Default)]
pub(super) struct Lookup {
    /// The place behind the last occurrence of a run.
    last: HashMap<[Token; RUN], u32>,
    /// For the place behind each run, the one behind its occurrence before.
    earlier: Vec<u32>,
    found: Option<Match>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Match {
    /// The place of the token that should come next.
    next: usize,
    /// How many tokens before it agree.
    length: usize,
}

impl Lookup {
    /// Takes in the tokens before `end` that have not been, without looking for matches.
    pub(super) fn skip(&mut self, tokens: &[Token], end: usize) {
        for place in self.earlier.len()..end.min(tokens.len()) {
            self.note(tokens, place + 1);
        }
    }

    /// Takes in the next of `tokens`; none when all have been. If a token had been foretold: how long the match was, and
    /// whether this is it.
    pub(super) fn take(&mut self, tokens: &[Token]) -> Option<Option<(usize, bool)>> {
        let place = self.earlier.len();
        let token = tokens.get(place)?;
        let foretold = self.found.map(|found| (found.length, tokens.get(found.next) == Some(token)));
        let continued = self
            .found
            .filter(|_| foretold.is_some_and(|(_, is_hit)| is_hit))
            .map(|found| Match { next: found.next + 1, length: (found.length + 1).min(COMPARED_MAX) });
        let exchanged = self.found.filter(|found| continued.is_none() && found.length >= EXCHANGED_MIN);
        let beside = exchanged.map(|found| Match { next: found.next + 1, length: 0 });
        self.found = self.longest(tokens, place + 1, continued.or(beside));
        self.note(tokens, place + 1);
        Some(foretold)
    }

    pub(super) fn match_length(&self) -> Option<usize> {
        self.found.map(|found| found.length)
    }

    /// The next `count` tokens, if the end goes on as its earlier place did. Where that comes to the end itself, the
    /// draft goes on with its own beginning: what repeats itself does so again.
    pub(super) fn draft(&self, tokens: &[Token], count: usize) -> Vec<Token> {
        let Some(found) = self.found else { return Vec::new() };
        let followed = tokens.get(found.next..).unwrap_or_default();
        followed.iter().cycle().take(count).copied().collect()
    }

    /// The longest match of the tokens before `end`; of equals the one that goes on with the last match, else the latest.
    fn longest(&self, tokens: &[Token], end: usize, continued: Option<Match>) -> Option<Match> {
        let mut best = continued;
        if best.is_some_and(|best| best.length >= COMPARED_MAX) {
            return best;
        }
        let first = run_before(tokens, end).and_then(|run| self.last.get(&run)).copied();
        let places = std::iter::successors(first, |place| self.earlier.get(*place as usize - 1).copied());
        for place in places.take_while(|place| *place != NONE).take(PLACES_MAX) {
            let next = place as usize;
            let length = agreeing(tokens, next, end);
            if best.is_none_or(|best| length > best.length) {
                best = Some(Match { next, length });
            }
        }
        best
    }

    /// Notes the run before `end`.
    fn note(&mut self, tokens: &[Token], end: usize) {
        // Token counts are far below `u32::MAX`: positions in a slot are `u32`.
        let before = run_before(tokens, end).and_then(|run| self.last.insert(run, end as u32));
        self.earlier.push(before.unwrap_or(NONE));
    }
}

fn run_before(tokens: &[Token], end: usize) -> Option<[Token; RUN]> {
    tokens.get(end.checked_sub(RUN)?..end)?.try_into().ok()
}

/// How many tokens before `a` and before `b` agree.
fn agreeing(tokens: &[Token], a: usize, b: usize) -> usize {
    let before = |end: usize| tokens.get(..end).unwrap_or_default().iter().rev();
    before(a).zip(before(b)).take(COMPARED_MAX).take_while(|(a, b)| a == b).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(tokens: &[Token]) -> Lookup {
        let mut lookup = Lookup::default();
        while lookup.take(tokens).is_some() {}
        lookup
    }

    fn bytes(text: &str) -> Vec<Token> {
        text.bytes().map(Token::from).collect()
    }

    #[test]
    fn what_followed_the_same_tokens_is_the_draft() {
        let tokens = bytes("the quick brown fox. Again: the qu");
        let lookup = index(&tokens);
        assert_eq!(lookup.draft(&tokens, 9), bytes("ick brown"));
        assert_eq!(lookup.match_length(), Some(6));
    }

    #[test]
    fn nothing_is_foretold_of_what_was_never_there() {
        let tokens = bytes("abcdefghijklm");
        assert_eq!(index(&tokens).match_length(), None);
        assert_eq!(index(&tokens).draft(&tokens, 4), [] as [Token; 0]);
        assert_eq!(index(&[]).match_length(), None);
    }

    #[test]
    fn of_several_places_the_one_that_agrees_longest_is_taken() {
        let tokens = bytes("one let x = 1; two let x = 2; three let x = 3; two let x = ");
        assert_eq!(index(&tokens).draft(&tokens, 2), bytes("2;"));
    }

    #[test]
    fn what_repeats_itself_is_drafted_for_as_long_as_wanted() {
        let tokens = bytes("abcabcab");
        assert_eq!(index(&tokens).draft(&tokens, 10), bytes("cabcabcabc"));
    }

    #[test]
    fn behind_a_word_that_was_exchanged_the_copy_goes_on() {
        let mut tokens = bytes("if total is large then add ten. if total is ");
        tokens.extend([1_000]);
        let lookup = index(&tokens);
        assert_eq!(lookup.draft(&tokens, 8), bytes("arge the"));
        assert_eq!(lookup.match_length(), Some(0));
        tokens.extend([1_001]);
        assert_eq!(index(&tokens).match_length(), None, "what differs twice is something else");
    }

    #[test]
    fn each_token_tells_whether_it_was_foretold() {
        let tokens = bytes("abcdX abcdY");
        let mut lookup = Lookup::default();
        let taken: Vec<Option<(usize, bool)>> = std::iter::from_fn(|| lookup.take(&tokens)).collect();
        assert_eq!(taken.len(), tokens.len());
        let foretold: Vec<(usize, bool)> = taken.into_iter().flatten().collect();
        assert_eq!(foretold, [(3, true), (4, false)]);
    }

    #[test]
    fn taken_in_piece_by_piece_it_is_the_same() {
        let tokens = bytes("a rose is a rose is a rose, and a rose is");
        let whole = index(&tokens);
        let mut grown = Lookup::default();
        for end in 0..=tokens.len() {
            while grown.take(&tokens[..end]).is_some() {}
        }
        assert_eq!(grown.found, whole.found);
        let mut skipped = Lookup::default();
        skipped.skip(&tokens, tokens.len() - 1);
        while skipped.take(&tokens).is_some() {}
        assert_eq!(skipped.draft(&tokens, 5), whole.draft(&tokens, 5));
        assert_eq!(grown.earlier, whole.earlier);
    }
}
