//! Reads LaTeX. Linear in the source; deeper than [`MAX_DEPTH`] it is kept as text.

use super::letters::styled;
use super::symbols::{Class, function, symbol};
use super::{Columns, Math};

/// Braces within braces that are still read. Formulas stay below ten; the page's own recursion is bounded too.
const MAX_DEPTH: usize = 24;

/// Reads one formula from the left.
pub(super) struct Parser<'a> {
    rest: &'a str,
    depth: usize,
}

impl<'a> Parser<'a> {
    pub(super) fn new(source: &'a str) -> Self {
        Self { rest: source, depth: 0 }
    }

    /// Everything; what closes nothing is shown as a sign.
    pub(super) fn whole(&mut self) -> Math {
        let mut parts = Vec::new();
        loop {
            parts.extend(self.parts());
            match self.take_char() {
                Some('&') => {}
                Some('\\') => {
                    self.command_name();
                }
                Some(stray) => parts.push(Math::Operator(stray.into())),
                None => return row(parts),
            }
        }
    }

    /// The parts up to what closes or separates: `}`, `&`, `\\`, `\right`, `\end`.
    fn parts(&mut self) -> Vec<Math> {
        let mut parts = Vec::new();
        loop {
            self.skip_space();
            let closing = ["}", "&", "\\\\", "\\right", "\\end{"];
            // An arrow begins like the end of a bracket.
            let arrow = self.rest.starts_with("\\rightarrow") || self.rest.starts_with("\\rightleft");
            if !arrow && closing.iter().any(|sign| self.rest.starts_with(sign)) {
                return parts;
            }
            let Some(part) = self.part() else { return parts };
            parts.push(part);
        }
    }

    /// One part with what stands at its head and foot.
    fn part(&mut self) -> Option<Math> {
        let base = match self.peek()? {
            '^' | '_' => Math::Row(Vec::new()),
            _ => self.atom()?,
        };
        let (mut sub, mut sup) = (None, None);
        loop {
            self.skip_space();
            if self.eat("\\limits") || self.eat("\\nolimits") {
                continue;
            }
            match self.peek() {
                Some('_') if sub.is_none() => {
                    self.take_char();
                    sub = Some(Box::new(self.argument()));
                }
                Some('^') if sup.is_none() => {
                    self.take_char();
                    sup = Some(Box::new(self.argument()));
                }
                Some('\'') if sup.is_none() => {
                    let primes = self.take_while(|c| c == '\'').len();
                    sup = Some(Box::new(Math::Operator("′".repeat(primes))));
                }
                _ => break,
            }
        }
        Some(match (&sub, &sup) {
            (None, None) => base,
            _ => Math::Scripts { base: Box::new(base), sub, sup },
        })
    }

    /// One part alone: a letter, a number, a group, a command. Takes at least one letter.
    fn atom(&mut self) -> Option<Math> {
        let first = self.take_char()?;
        Some(match first {
            '{' => self.group_after_brace(),
            '\\' => self.command(),
            '~' => Math::Space(30),
            '-' => Math::Operator("−".into()),
            '*' => Math::Operator("∗".into()),
            '(' | ')' | '[' | ']' | '|' => Math::Operator(first.into()),
            '0'..='9' => {
                let mut number = String::from(first);
                number += self.take_while(|c| c.is_ascii_digit());
                let fraction = self
                    .rest
                    .strip_prefix('.')
                    .filter(|after| after.starts_with(|c: char| c.is_ascii_digit()));
                if let Some(after) = fraction {
                    self.rest = after;
                    number.push('.');
                    number += self.take_while(|c| c.is_ascii_digit());
                }
                Math::Number(number)
            }
            _ if first.is_alphabetic() => Math::Identifier(first.into()),
            _ => Math::Operator(first.into()),
        })
    }

    fn group_after_brace(&mut self) -> Math {
        if self.depth >= MAX_DEPTH {
            return Math::Text(self.raw_group_after_brace().to_owned());
        }
        self.depth += 1;
        let mut parts = self.parts();
        // A group that something else ends, as `&` does, goes on: the brace is what ends it.
        while !self.rest.is_empty() && !self.eat("}") {
            let stray = self.take_char();
            if stray == Some('\\') {
                self.command_name();
            }
            parts.extend(self.parts());
        }
        self.depth -= 1;
        row(parts)
    }

    /// What a command or a script applies to: a group or the next part.
    fn argument(&mut self) -> Math {
        self.skip_space();
        self.depth += 1;
        let argument = match self.peek() {
            None | Some('}' | '&') => None,
            Some(_) if self.depth > MAX_DEPTH => self.take_char().map(|c| Math::Text(c.into())),
            // `\frac12` is a half, not twelve over nothing.
            Some(digit @ '0'..='9') => {
                self.take_char();
                Some(Math::Number(digit.into()))
            }
            Some(_) => self.atom(),
        };
        self.depth -= 1;
        argument.unwrap_or_else(|| Math::Row(Vec::new()))
    }

    fn boxed_argument(&mut self) -> Box<Math> {
        Box::new(self.argument())
    }

    fn command(&mut self) -> Math {
        let name = self.command_name();
        if let Some((sign, class)) = symbol(name) {
            return match class {
                Class::Letter => Math::Identifier(sign.into()),
                Class::Sign => Math::Operator(sign.into()),
                Class::Large => Math::Large(sign.into()),
            };
        }
        if let Some(bounded) = function(name) {
            return if bounded { Math::Large(name.into()) } else { Math::Name(name.into()) };
        }
        match name {
            "frac" | "dfrac" | "tfrac" | "cfrac" => self.fraction(true),
            "binom" => bracketed("(", self.fraction(false), ")"),
            "sqrt" => {
                let degree = self.optional_argument();
                Math::Root { of: self.boxed_argument(), degree }
            }
            "text" | "textrm" | "textit" | "mbox" | "texttt" => Math::Text(self.raw_argument().to_owned()),
            "mathrm" | "operatorname" | "operatorname*" | "mathsf" | "mathtt" => {
                Math::Name(self.raw_argument().replace("\\,", " "))
            }
            "mathbf" | "boldsymbol" | "bm" | "textbf" | "mathbb" | "mathcal" | "mathscr" => self.styled(name),
            "hat" | "widehat" => self.over("^"),
            "bar" | "overline" => self.over("‾"),
            "vec" | "overrightarrow" => self.over("→"),
            "tilde" | "widetilde" => self.over("~"),
            "dot" => self.over("˙"),
            "ddot" => self.over("¨"),
            "overbrace" => self.over("⏞"),
            "underline" => Math::Under(self.boxed_argument(), Box::new(Math::Operator("_".into()))),
            "underbrace" => Math::Under(self.boxed_argument(), Box::new(Math::Operator("⏟".into()))),
            "overset" | "stackrel" => {
                let above = self.boxed_argument();
                Math::Over(self.boxed_argument(), above)
            }
            "underset" => {
                let below = self.boxed_argument();
                Math::Under(self.boxed_argument(), below)
            }
            "left" => self.brackets(),
            "begin" => self.environment(),
            "quad" => Math::Space(100),
            "qquad" => Math::Space(200),
            "," | ":" | "thinspace" => Math::Space(17),
            ";" | " " => Math::Space(28),
            "!" | "displaystyle" | "textstyle" | "big" | "Big" | "bigg" | "Bigg" | "bigl" | "bigr"
            | "Bigl" | "Bigr" | "middle" => Math::Row(Vec::new()),
            "pmod" => bracketed(
                "(",
                Math::Row(vec![Math::Name("mod".into()), Math::Space(30), self.argument()]),
                ")",
            ),
            "bmod" | "mod" => Math::Name("mod".into()),
            "boxed" => self.argument(),
            "tag" => Math::Row(vec![Math::Space(200), Math::Text(format!("({})", self.raw_argument()))]),
            "not" => Math::Operator(format!("{}\u{338}", sign_of(self.argument()))),
            "|" => Math::Operator("‖".into()),
            "{" | "}" | "%" | "$" | "&" | "#" | "_" => Math::Operator(name.into()),
            unknown => Math::Text(format!("\\{unknown}")),
        }
    }

    fn fraction(&mut self, line: bool) -> Math {
        let top = self.boxed_argument();
        Math::Fraction { top, bottom: self.boxed_argument(), line }
    }

    fn over(&mut self, sign: &str) -> Math {
        Math::Over(self.boxed_argument(), Box::new(Math::Operator(sign.into())))
    }

    fn styled(&mut self, command: &str) -> Math {
        let text = self.raw_argument();
        match styled(command, text) {
            Some(letters) if !text.contains('\\') => Math::Identifier(letters),
            // `\mathbf{\alpha}`: the letter matters more than its weight.
            _ => Parser { rest: text, depth: self.depth + 1 }.whole_or_text(),
        }
    }

    fn whole_or_text(&mut self) -> Math {
        if self.depth >= MAX_DEPTH { Math::Text(self.rest.to_owned()) } else { self.whole() }
    }

    /// `\left( … \right)`.
    fn brackets(&mut self) -> Math {
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
    fn environment(&mut self) -> Math {
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

    fn optional_argument(&mut self) -> Option<Box<Math>> {
        let inside = self.rest.strip_prefix('[')?;
        let (argument, after) = inside.split_once(']')?;
        self.rest = after;
        Some(Box::new(Parser { rest: argument, depth: self.depth + 1 }.whole_or_text()))
    }

    /// The letters of a group, or the next letter.
    fn raw_argument(&mut self) -> &'a str {
        self.skip_space();
        if self.eat("{") {
            return self.raw_group_after_brace();
        }
        let length = self.peek().map_or(0, char::len_utf8);
        let (letter, after) = self.rest.split_at_checked(length).unwrap_or(("", self.rest));
        self.rest = after;
        letter
    }

    fn raw_group_after_brace(&mut self) -> &'a str {
        let mut open = 1usize;
        let end = self.rest.find(|c| {
            match c {
                '{' => open += 1,
                '}' => open -= 1,
                _ => {}
            }
            open == 0
        });
        let (inside, after) =
            self.rest.split_at_checked(end.unwrap_or(self.rest.len())).unwrap_or((self.rest, ""));
        self.rest = after.strip_prefix('}').unwrap_or(after);
        inside
    }

    /// The name behind a backslash: letters, or one sign.
    fn command_name(&mut self) -> &'a str {
        let letters = self.take_while(|c| c.is_ascii_alphabetic());
        if !letters.is_empty() {
            return letters;
        }
        let length = self.peek().map_or(0, char::len_utf8);
        let (sign, after) = self.rest.split_at_checked(length).unwrap_or(("", self.rest));
        self.rest = after;
        sign
    }

    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn take_char(&mut self) -> Option<char> {
        let mut letters = self.rest.chars();
        let first = letters.next();
        self.rest = letters.as_str();
        first
    }

    fn take_while(&mut self, belongs: impl Fn(char) -> bool) -> &'a str {
        let length = self.rest.find(|c| !belongs(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at_checked(length).unwrap_or((self.rest, ""));
        self.rest = rest;
        taken
    }

    fn eat(&mut self, text: &str) -> bool {
        match self.rest.strip_prefix(text) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start();
    }
}

/// The parts as one.
fn row(mut parts: Vec<Math>) -> Math {
    match (parts.len(), parts.pop()) {
        (1, Some(only)) => only,
        (_, last) => {
            parts.extend(last);
            Math::Row(parts)
        }
    }
}

fn bracketed(open: &str, content: Math, close: &str) -> Math {
    let bracket = |sign: &str| (!sign.is_empty()).then(|| Math::Bracket(sign.to_owned()));
    let parts: Vec<Math> = [bracket(open), Some(content), bracket(close)].into_iter().flatten().collect();
    row(parts)
}

fn sign_of(math: Math) -> String {
    match math {
        Math::Operator(sign) | Math::Identifier(sign) | Math::Name(sign) | Math::Text(sign) => sign,
        _ => String::new(),
    }
}
