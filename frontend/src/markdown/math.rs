//! Formulas: the part of LaTeX that answers use, as a tree that becomes MathML.
//!
//! Tolerant like the rest of Markdown: what is not known is shown as it was written, and nothing fails. Knows no
//! browser; the nodes are made in `render`.

mod letters;
mod parser;
mod symbols;

/// A part of a formula.
#[derive(Clone, Debug, PartialEq)]
pub enum Math {
    /// Parts side by side.
    Row(Vec<Math>),
    /// A variable.
    Identifier(String),
    /// A name in upright letters, as of a function.
    Name(String),
    /// A number.
    Number(String),
    /// A sign.
    Operator(String),
    /// A sign whose bounds stand below and above it where there is room.
    Large(String),
    /// A bracket that grows with what it holds.
    Bracket(String),
    /// Words.
    Text(String),
    /// A gap, in hundredths of an em.
    Space(u16),
    /// One over another.
    Fraction {
        /// Above.
        top: Box<Math>,
        /// Below.
        bottom: Box<Math>,
        /// Whether a line is between them.
        line: bool,
    },
    /// A root.
    Root {
        /// What it is the root of.
        of: Box<Math>,
        /// Which root; none for the square root.
        degree: Option<Box<Math>>,
    },
    /// Something with a part at its foot, its head or both.
    Scripts {
        /// What has them.
        base: Box<Math>,
        /// At the foot.
        sub: Option<Box<Math>>,
        /// At the head.
        sup: Option<Box<Math>>,
    },
    /// Something with a sign above.
    Over(Box<Math>, Box<Math>),
    /// Something with a sign below.
    Under(Box<Math>, Box<Math>),
    /// Rows of cells.
    Table {
        /// The cells of each row.
        rows: Vec<Vec<Math>>,
        /// Whether the cells stand left, as in cases, or in turns right and left, as in aligned equations.
        columns: Columns,
    },
}

/// How the columns of a table stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Columns {
    /// In the middle: matrices.
    Centred,
    /// At the left: cases.
    Left,
    /// At an equals sign: one to the right, the next to the left.
    Aligned,
}

/// The formula that `source` writes.
pub fn parse(source: &str) -> Math {
    parser::Parser::new(source).whole()
}

#[cfg(test)]
mod tests;
