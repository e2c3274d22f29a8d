//! Brackets that grow with what they hold, and tables, which most brackets hold.

use super::super::symbols::symbol;
use super::super::{Columns, Math};
use super::{MAX_DEPTH, Parser, row};

impl Parser<'_> {
    /// `\left( … \right)`.
    pub(super) fn brackets(&mut self) -> Math {
        let open = self.bracket();
        if self.depth >= MAX_DEPTH {
            return Math::Bracket(open);
        }
        self.depth += 1;
        let content = row(self.parts());
        self.depth -= 1;
        let close = if self.eat("\\right") { self.bracket() } else { String::new() };
        bracketed(&open, content, &close)
    }

    /// The sign behind `\left` or `\right`; a full stop stands for none.
    fn bracket(&mut self) -> String {
        self.skip_space();
        match self.take_char() {
            Some('.') | None => String::new(),
            Some('\\') => match self.command_name() {
                "|" => "‖".into(),
                name => symbol(name).map_or(name, |(sign, _)| sign).into(),
            },
            Some(sign) => sign.into(),
        }
    }

    /// `\begin{…} … \end{…}`.
    pub(super) fn environment(&mut self) -> Math {
        let name = self.raw_argument();
        if name == "array" {
            self.raw_argument();
        }
        if self.depth >= MAX_DEPTH {
            return Math::Text(name.to_owned());
        }
        self.depth += 1;
        let mut rows = vec![Vec::new()];
        loop {
            let cell = row(self.parts());
            if let Some(last) = rows.last_mut() {
                last.push(cell);
            }
            if self.eat("\\\\") {
                rows.push(Vec::new());
            } else if self.eat("\\end") {
                self.raw_argument();
                break;
            } else if !self.eat("&") && self.take_char().is_none() {
                break;
            }
        }
        self.depth -= 1;
        let is_blank = |row: &Vec<Math>| row.iter().all(|cell| *cell == Math::Row(Vec::new()));
        if rows.last().is_some_and(is_blank) {
            rows.pop();
        }
        let (open, close, columns) = match name {
            "pmatrix" => ("(", ")", Columns::Centred),
            "bmatrix" => ("[", "]", Columns::Centred),
            "vmatrix" => ("|", "|", Columns::Centred),
            "Bmatrix" => ("{", "}", Columns::Centred),
            "cases" => ("{", "", Columns::Left),
            "matrix" | "array" | "smallmatrix" => ("", "", Columns::Centred),
            _ => ("", "", Columns::Aligned),
        };
        bracketed(open, Math::Table { rows, columns }, close)
    }
}

pub(super) fn bracketed(open: &str, content: Math, close: &str) -> Math {
    let bracket = |sign: &str| (!sign.is_empty()).then(|| Math::Bracket(sign.to_owned()));
    let parts: Vec<Math> = [bracket(open), Some(content), bracket(close)].into_iter().flatten().collect();
    row(parts)
}
