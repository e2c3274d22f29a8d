//! Markdown as a tree that can be compared and shared.
//!
//! The stream of parser events is folded into owned blocks. Blocks that may grow large (items, rows, quoted
//! blocks) sit behind `Rc`, so that a later parse can keep the unchanged ones and the page need not touch them.

mod builder;
mod links;

use std::ops::Range;
use std::rc::Rc;

use pulldown_cmark::Parser;
use shared::code_block::markdown_options;

pub use pulldown_cmark::Alignment;

/// A part of a document that stands on lines of its own.
#[derive(Clone, Debug, PartialEq)]
pub enum Block {
    /// Running text.
    Paragraph(Vec<Inline>),
    /// The text of a list item without blank lines around it.
    Plain(Vec<Inline>),
    /// A heading of level 1 to 6.
    Heading {
        /// 1 to 6.
        level: u8,
        /// Its text.
        content: Vec<Inline>,
    },
    /// Fenced or indented code.
    Code {
        /// As the author named it, in lower case.
        language: Option<String>,
        /// The lines, each with its end.
        code: Rc<str>,
    },
    /// A quotation.
    Quote(Vec<Rc<Block>>),
    /// A list.
    List {
        /// The first number; none for bullets.
        start: Option<u64>,
        /// The points.
        items: Vec<Rc<Item>>,
    },
    /// A table.
    Table {
        /// One for each column.
        alignments: Rc<[Alignment]>,
        /// The head row.
        head: Rc<Row>,
        /// The rows below.
        rows: Vec<Rc<Row>>,
    },
    /// HTML, kept as the text that it is.
    Html(String),
    /// What a footnote says.
    Footnote {
        /// The name it is referred to by.
        label: String,
        /// Its text.
        content: Vec<Rc<Block>>,
    },
    /// A line across.
    Rule,
}

/// A point of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// For a point of a task list: whether it is done.
    pub done: Option<bool>,
    /// What it says.
    pub content: Vec<Rc<Block>>,
}

/// A row of a table: the text of each cell.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row(pub Vec<Vec<Inline>>);

/// A part of a line.
#[derive(Clone, Debug, PartialEq)]
pub enum Inline {
    /// Letters.
    Text(String),
    /// Code within a line.
    Code(String),
    /// Emphasis.
    Emphasis(Vec<Inline>),
    /// Strong emphasis.
    Strong(Vec<Inline>),
    /// Struck out.
    Strikethrough(Vec<Inline>),
    /// A link: its address is not checked yet.
    Link {
        /// Where it leads, as written.
        address: String,
        /// What is shown.
        content: Vec<Inline>,
    },
    /// A picture: never loaded.
    Image {
        /// Where it would come from, as written.
        address: String,
        /// What it shows, in words.
        description: String,
    },
    /// LaTeX.
    Math {
        /// The source between the signs.
        source: String,
        /// Whether it stands apart from the text.
        display: bool,
    },
    /// A reference to a footnote.
    FootnoteReference(String),
    /// A line end that a reader sees as a space.
    SoftBreak,
    /// A line end that a reader sees.
    HardBreak,
}

/// The blocks of `source`, a whole document.
pub fn parse(source: &str) -> Vec<Rc<Block>> {
    parse_with_places(source).into_iter().map(|(_, block)| block).collect()
}

/// The blocks of `source`, each with the bytes it takes.
pub(super) fn parse_with_places(source: &str) -> Vec<(Range<usize>, Rc<Block>)> {
    let events = Parser::new_ext(source, markdown_options()).into_offset_iter();
    builder::Builder::new(source).build(events)
}

/// `new`, but made of the parts of `old` wherever they are the same.
pub(super) fn share(old: &Rc<Block>, new: Rc<Block>) -> Rc<Block> {
    if **old == *new {
        return Rc::clone(old);
    }
    match (&**old, &*new) {
        (Block::List { items: old, .. }, Block::List { start, items }) => {
            let items = zip_shared(old, items, |old, new| match old == new {
                true => Rc::clone(old),
                false => Rc::new(Item {
                    done: new.done,
                    content: zip_shared(&old.content, &new.content, share_ref),
                }),
            });
            Rc::new(Block::List { start: *start, items })
        }
        (Block::Quote(old), Block::Quote(new)) => Rc::new(Block::Quote(zip_shared(old, new, share_ref))),
        (Block::Footnote { content: old, .. }, Block::Footnote { label, content }) => {
            Rc::new(Block::Footnote { label: label.clone(), content: zip_shared(old, content, share_ref) })
        }
        (
            Block::Table { alignments: old_alignments, head: old_head, rows: old },
            Block::Table { alignments, head, rows },
        ) if old_alignments == alignments => Rc::new(Block::Table {
            alignments: Rc::clone(old_alignments),
            head: share_equal(old_head, head),
            rows: zip_shared(old, rows, share_equal),
        }),
        _ => new,
    }
}

fn share_ref(old: &Rc<Block>, new: &Rc<Block>) -> Rc<Block> {
    share(old, Rc::clone(new))
}

fn share_equal<T: PartialEq>(old: &Rc<T>, new: &Rc<T>) -> Rc<T> {
    Rc::clone(if old == new { old } else { new })
}

/// `new`, each element passed through `share` with the old one of its place.
fn zip_shared<T>(old: &[Rc<T>], new: &[Rc<T>], share: impl Fn(&Rc<T>, &Rc<T>) -> Rc<T>) -> Vec<Rc<T>> {
    let mut old = old.iter();
    new.iter().map(|new| old.next().map_or_else(|| Rc::clone(new), |old| share(old, new))).collect()
}

#[cfg(test)]
mod tests;
