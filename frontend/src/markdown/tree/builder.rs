//! Folds parser events into blocks. No recursion: a hostile nesting cannot exhaust the stack.

use std::ops::Range;
use std::rc::Rc;

use pulldown_cmark::{CodeBlockKind, CowStr, Event, HeadingLevel, Tag};
use shared::code_block::language_of;

use super::links::link_addresses;
use super::{Block, Inline, Item, Row};

/// Containers within containers that are still shown as such; what is nested deeper is shown flat in the
/// innermost one. Real answers stay below ten; the page's own recursion is bounded by this number too.
const MAX_DEPTH: usize = 32;

/// An open container: what it has collected so far.
#[derive(Default)]
struct Frame<'a> {
    tag: Option<Tag<'a>>,
    blocks: Vec<Rc<Block>>,
    inlines: Vec<Inline>,
    items: Vec<Rc<Item>>,
    rows: Vec<Rc<Row>>,
    cells: Vec<Vec<Inline>>,
    text: String,
    done: Option<bool>,
}

impl Frame<'_> {
    /// Text that stands between blocks becomes a block of its own.
    fn flush(&mut self) {
        if !self.inlines.is_empty() {
            let inlines = link_addresses(std::mem::take(&mut self.inlines));
            self.blocks.push(Rc::new(Block::Plain(inlines)));
        }
    }

    fn text(&mut self, text: &str) {
        if let Some(Inline::Text(last)) = self.inlines.last_mut() {
            last.push_str(text);
        } else {
            self.inlines.push(Inline::Text(text.to_owned()));
        }
    }
}

/// Collects the blocks of one parse.
pub(super) struct Builder<'a> {
    source: &'a str,
    /// The document, then every open container.
    stack: Vec<Frame<'a>>,
    /// Open containers beyond [`MAX_DEPTH`].
    flattened: usize,
    /// Where the top-level block that is open began.
    started: usize,
    places: Vec<Range<usize>>,
}

impl<'a> Builder<'a> {
    pub(super) fn new(source: &'a str) -> Self {
        Self { source, stack: vec![Frame::default()], flattened: 0, started: 0, places: Vec::new() }
    }

    pub(super) fn build(
        mut self,
        events: impl Iterator<Item = (Event<'a>, Range<usize>)>,
    ) -> Vec<(Range<usize>, Rc<Block>)> {
        for (event, place) in events {
            if self.stack.len() == 1 {
                self.started = place.start;
            }
            self.event(event, &place);
            self.note_place(place.end);
        }
        while self.stack.len() > 1 {
            self.close();
            self.note_place(self.source.len());
        }
        let blocks = self.stack.pop().map(|document| document.blocks).unwrap_or_default();
        self.places.into_iter().zip(blocks).collect()
    }

    /// Gives every finished top-level block the bytes it took.
    fn note_place(&mut self, end: usize) {
        if let [document] = self.stack.as_mut_slice() {
            document.flush();
            if self.places.len() < document.blocks.len() {
                self.places.push(self.started..end);
            }
        }
    }

    fn event(&mut self, event: Event<'a>, place: &Range<usize>) {
        match event {
            Event::Start(tag) => self.open(tag),
            Event::End(_) if self.flattened > 0 => self.flattened -= 1,
            Event::End(_) => self.close(),
            Event::Text(text) => self.text(&text),
            Event::Html(text) => self.text(&text),
            Event::InlineHtml(text) if is_line_break(&text) => self.inline(Inline::HardBreak),
            Event::InlineHtml(text) => self.text(&text),
            Event::Code(text) => self.inline(Inline::Code(text.into_string())),
            Event::InlineMath(source) => self.math(source, place),
            Event::DisplayMath(source) => {
                self.inline(Inline::Math { source: source.into_string(), display: true });
            }
            Event::FootnoteReference(label) => self.inline(Inline::FootnoteReference(label.into_string())),
            Event::SoftBreak => self.inline(Inline::SoftBreak),
            Event::HardBreak => self.inline(Inline::HardBreak),
            Event::Rule => self.block(Block::Rule),
            Event::TaskListMarker(done) => {
                if let Some(item) = self.stack.iter_mut().rev().find(|frame| frame.tag == Some(Tag::Item)) {
                    item.done = Some(done);
                }
            }
        }
    }

    /// `$5–$10` are two prices: a closing sign before a digit is none.
    fn math(&mut self, source: CowStr<'a>, place: &Range<usize>) {
        let digit_follows = self.source.as_bytes().get(place.end).is_some_and(u8::is_ascii_digit);
        if digit_follows {
            let written = self.source.get(place.clone()).unwrap_or_default();
            self.text(written);
        } else {
            self.inline(Inline::Math { source: source.into_string(), display: false });
        }
    }

    fn open(&mut self, tag: Tag<'a>) {
        if self.stack.len() > MAX_DEPTH {
            self.flattened += 1;
        } else {
            self.stack.push(Frame { tag: Some(tag), ..Frame::default() });
        }
    }

    fn close(&mut self) {
        if self.stack.len() < 2 {
            return;
        }
        let Some(mut frame) = self.stack.pop() else { return };
        let in_link = self.stack.iter().any(|frame| matches!(frame.tag, Some(Tag::Link { .. })));
        let mut inlines = std::mem::take(&mut frame.inlines);
        if !in_link && !matches!(frame.tag, Some(Tag::Link { .. } | Tag::Image { .. })) {
            inlines = link_addresses(inlines);
        }
        match frame.tag.take() {
            Some(Tag::Paragraph) => self.block(Block::Paragraph(inlines)),
            Some(Tag::Heading { level, .. }) => {
                self.block(Block::Heading { level: level_number(level), content: inlines });
            }
            Some(Tag::BlockQuote(_)) => {
                let content = with_plain(frame.blocks, inlines);
                self.block(Block::Quote(content));
            }
            Some(Tag::CodeBlock(kind)) => {
                let language = match kind {
                    CodeBlockKind::Fenced(info) => language_of(&info),
                    CodeBlockKind::Indented => None,
                };
                self.block(Block::Code { language, code: frame.text.into() });
            }
            Some(Tag::HtmlBlock) => self.block(Block::Html(frame.text.trim_end().to_owned())),
            Some(Tag::List(start)) => self.block(Block::List { start, items: frame.items }),
            Some(Tag::Item) => {
                let content = with_plain(frame.blocks, inlines);
                self.parent(|parent| parent.items.push(Rc::new(Item { done: frame.done, content })));
            }
            Some(Tag::FootnoteDefinition(label)) => {
                let content = with_plain(frame.blocks, inlines);
                self.block(Block::Footnote { label: label.into_string(), content });
            }
            Some(Tag::Table(alignments)) => {
                let mut rows = frame.rows.into_iter();
                let head = rows.next().unwrap_or_default();
                self.block(Block::Table { alignments: alignments.into(), head, rows: rows.collect() });
            }
            Some(Tag::TableHead | Tag::TableRow) => {
                self.parent(|parent| parent.rows.push(Rc::new(Row(frame.cells))));
            }
            Some(Tag::TableCell) => self.parent(|parent| parent.cells.push(inlines)),
            Some(Tag::Emphasis) => self.inline(Inline::Emphasis(inlines)),
            Some(Tag::Strong) => self.inline(Inline::Strong(inlines)),
            Some(Tag::Strikethrough) => self.inline(Inline::Strikethrough(inlines)),
            Some(Tag::Link { dest_url, .. }) => {
                self.inline(Inline::Link { address: dest_url.into_string(), content: inlines });
            }
            Some(Tag::Image { dest_url, .. }) => {
                let description = plain_text(&inlines);
                self.inline(Inline::Image { address: dest_url.into_string(), description });
            }
            // Not asked of the parser: what they hold is kept.
            Some(
                Tag::Superscript
                | Tag::Subscript
                | Tag::DefinitionList
                | Tag::DefinitionListTitle
                | Tag::DefinitionListDefinition
                | Tag::MetadataBlock(_),
            )
            | None => self.parent(|parent| {
                parent.blocks.append(&mut frame.blocks);
                parent.inlines.append(&mut inlines);
            }),
        }
    }

    fn parent(&mut self, change: impl FnOnce(&mut Frame<'a>)) {
        if let Some(frame) = self.stack.last_mut() {
            change(frame);
        }
    }

    fn block(&mut self, block: Block) {
        self.parent(|parent| {
            parent.flush();
            parent.blocks.push(Rc::new(block));
        });
    }

    fn inline(&mut self, inline: Inline) {
        self.parent(|parent| parent.inlines.push(inline));
    }

    fn text(&mut self, text: &str) {
        self.parent(|parent| match parent.tag {
            Some(Tag::CodeBlock(_) | Tag::HtmlBlock) => parent.text.push_str(text),
            _ => parent.text(text),
        });
    }
}

fn with_plain(mut blocks: Vec<Rc<Block>>, inlines: Vec<Inline>) -> Vec<Rc<Block>> {
    if !inlines.is_empty() {
        blocks.push(Rc::new(Block::Plain(inlines)));
    }
    blocks
}

fn level_number(level: HeadingLevel) -> u8 {
    match level {
        HeadingLevel::H1 => 1,
        HeadingLevel::H2 => 2,
        HeadingLevel::H3 => 3,
        HeadingLevel::H4 => 4,
        HeadingLevel::H5 => 5,
        HeadingLevel::H6 => 6,
    }
}

/// The one element that models use where Markdown has no word for it: a line end within a table cell.
fn is_line_break(html: &str) -> bool {
    matches!(html, "<br>" | "<br/>" | "<br />" | "<BR>")
}

/// The letters of `inlines` without their form.
fn plain_text(inlines: &[Inline]) -> String {
    let mut text = String::new();
    for inline in inlines {
        match inline {
            Inline::Text(part) | Inline::Code(part) | Inline::Math { source: part, .. } => {
                text.push_str(part)
            }
            Inline::Emphasis(parts) | Inline::Strong(parts) | Inline::Strikethrough(parts) => {
                text.push_str(&plain_text(parts));
            }
            Inline::Link { content, .. } => text.push_str(&plain_text(content)),
            Inline::Image { description, .. } => text.push_str(description),
            Inline::SoftBreak | Inline::HardBreak => text.push(' '),
            Inline::FootnoteReference(_) => {}
        }
    }
    text
}
