//! What stands behind a backslash.

use super::super::Math;
use super::super::letters::styled;
use super::super::symbols::{Class, function, symbol};
use super::brackets::bracketed;
use super::{MAX_DEPTH, Parser};

impl Parser<'_> {
    pub(super) fn command(&mut self) -> Math {
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

    fn optional_argument(&mut self) -> Option<Box<Math>> {
        let inside = self.rest.strip_prefix('[')?;
        let (argument, after) = inside.split_once(']')?;
        self.rest = after;
        Some(Box::new(Parser { rest: argument, depth: self.depth + 1 }.whole_or_text()))
    }
}

fn sign_of(math: Math) -> String {
    match math {
        Math::Operator(sign) | Math::Identifier(sign) | Math::Name(sign) | Math::Text(sign) => sign,
        _ => String::new(),
    }
}
