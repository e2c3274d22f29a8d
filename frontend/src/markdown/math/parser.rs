//! Reads LaTeX. Linear in the source; deeper than [`MAX_DEPTH`] it is kept as text.

mod brackets;
mod commands;
mod source;

use super::Math;

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
