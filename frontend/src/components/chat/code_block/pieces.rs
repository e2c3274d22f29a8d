//! Code that grows, cut into pieces of a few lines: each is coloured once, when it is complete, and only the last
//! again for every token.

use std::rc::Rc;

use yew::AttrValue;

use crate::markdown::highlight::{self, Language, State};

/// Small enough that colouring the last piece takes well under a millisecond, large enough that a long block has
/// few of them.
const LINES_PER_PIECE: usize = 16;

/// Some lines, and what the lines before them left open.
#[derive(Debug, PartialEq)]
pub(super) struct Piece {
    pub(super) before: State,
    pub(super) text: AttrValue,
}

/// The pieces of one block of code.
#[derive(Default)]
pub(super) struct Pieces {
    language: Option<&'static Language>,
    code: AttrValue,
    complete: Vec<Rc<Piece>>,
    /// How many bytes the complete pieces take.
    complete_bytes: usize,
    /// What the complete pieces leave open.
    state: State,
    last: Option<Rc<Piece>>,
}

impl Pieces {
    /// The pieces of `code`. Cheap when it is the former code and a little more.
    pub(super) fn update(&mut self, language: Option<&'static Language>, code: &AttrValue) -> Vec<Rc<Piece>> {
        let same_language =
            self.language.map(|language| language.name) == language.map(|language| language.name);
        if !(same_language && code.starts_with(self.code.as_str())) {
            *self = Self { language, ..Self::default() };
        }
        if self.last.is_none() || self.code.len() != code.len() {
            self.code = code.clone();
            self.read(language);
        }
        self.complete.iter().chain(&self.last).map(Rc::clone).collect()
    }

    fn read(&mut self, language: Option<&'static Language>) {
        let mut rest = self.code.get(self.complete_bytes..).unwrap_or_default();
        while let Some((text, after)) = first_lines(rest) {
            let before = self.state;
            if let Some(language) = language {
                self.state = highlight::highlight(language, before, text).1;
            }
            self.complete.push(Rc::new(Piece { before, text: text.to_owned().into() }));
            self.complete_bytes += text.len();
            rest = after;
        }
        self.last = Some(Rc::new(Piece { before: self.state, text: rest.to_owned().into() }));
    }
}

/// The first lines of `text` that make a complete piece, and what follows.
fn first_lines(text: &str) -> Option<(&str, &str)> {
    let (end, _) = text.match_indices('\n').nth(LINES_PER_PIECE - 1)?;
    text.split_at_checked(end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grown(code: &str, language: Option<&'static Language>) -> (Pieces, Vec<Rc<Piece>>) {
        let mut pieces = Pieces::default();
        let mut last = Vec::new();
        for end in (0..=code.len()).filter(|end| code.is_char_boundary(*end)) {
            last = pieces.update(language, &AttrValue::from(code.get(..end).unwrap().to_owned()));
        }
        (pieces, last)
    }

    #[test]
    fn growing_code_has_the_pieces_of_whole_code() {
        let code = "/* a\n".to_owned() + &"let x = 'é'; // b\n".repeat(40) + "*/ fn f() {}";
        let rust = highlight::language("rust");
        let whole = Pieces::default().update(rust, &AttrValue::from(code.clone()));
        let (_, grown) = grown(&code, rust);
        assert_eq!(whole, grown);
        assert_eq!(whole.len(), 3);
        assert_eq!(whole.iter().map(|piece| piece.text.as_str()).collect::<String>(), code);
    }

    #[test]
    fn complete_pieces_stay_the_same() {
        let code = "x\n".repeat(LINES_PER_PIECE + 1);
        let (mut pieces, before) = grown(&code, None);
        let after = pieces.update(None, &AttrValue::from(code + "more"));
        assert!(Rc::ptr_eq(&before[0], &after[0]));
        assert!(!Rc::ptr_eq(&before[1], &after[1]));
    }

    #[test]
    fn other_code_starts_anew() {
        let (mut pieces, _) = grown("a\nb\n", None);
        let after = pieces.update(None, &AttrValue::from("c"));
        assert_eq!(after.iter().map(|piece| piece.text.as_str()).collect::<Vec<_>>(), ["c"]);
    }
}
