//! Blocks and lines as Yew nodes. No HTML text is made: what a model writes as HTML is shown as written.

mod address;
mod footnote;
mod formula;
mod picture;
mod series;

use std::rc::Rc;

use yew::prelude::*;

use super::tree::{Alignment, Block, Inline, Item, Row};
use crate::components::chat::code_block::CodeBlock;
use address::safe_address;
use formula::formula;
use picture::Picture;
use series::{Part, Series};

/// Headings of an answer stand below those of the page: its name, and the message's.
const HEADINGS_ABOVE: u8 = 2;

/// A shared value that is compared by its place: the same place, the same nodes.
#[derive(Debug)]
pub(super) struct Shared<T>(pub(super) Rc<T>);

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<T> PartialEq for Shared<T> {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

#[derive(Clone, PartialEq, Properties)]
pub(super) struct BlockProps {
    pub(super) block: Shared<Block>,
}

/// One block, rendered anew only when it is another one.
#[component]
pub(super) fn BlockView(props: &BlockProps) -> Html {
    match &*props.block.0 {
        Block::Paragraph(content) => html! { <p>{ inlines(content) }</p> },
        Block::Plain(content) => inlines(content),
        Block::Heading { level, content } => {
            let tag = format!("h{}", (level + HEADINGS_ABOVE).min(6));
            html! { <@{tag} class={format!("heading-{level}")}>{ inlines(content) }</@> }
        }
        Block::Code { language, code } => html! {
            <CodeBlock code={AttrValue::from(Rc::clone(code))} language={language.clone().map(AttrValue::from)} />
        },
        Block::Quote(content) => html! { <blockquote>{ blocks(content) }</blockquote> },
        Block::List { start, items } => list(*start, items),
        Block::Table { alignments, head, rows } => table(alignments, head, rows),
        Block::Html(text) => html! { <p class="raw">{ text.clone() }</p> },
        Block::Footnote { label, content } => footnote::footnote(label, blocks(content)),
        Block::Rule => html! { <hr /> },
    }
}

impl Part for Shared<Block> {
    fn draw(&self, place: usize) -> Html {
        html! { <BlockView key={place} block={self.clone()} /> }
    }
}

/// The blocks of a text, each a component of its own.
pub(super) fn blocks(blocks: &[Rc<Block>]) -> Html {
    html! { <Series<Shared<Block>> parts={shared(blocks)} /> }
}

fn shared<T>(all: &[Rc<T>]) -> Vec<Shared<T>> {
    all.iter().map(|one| Shared(Rc::clone(one))).collect()
}

impl Part for Shared<Item> {
    fn draw(&self, place: usize) -> Html {
        html! { <ItemView key={place} item={self.clone()} /> }
    }
}

fn list(start: Option<u64>, items: &[Rc<Item>]) -> Html {
    let is_loose = |item: &Rc<Item>| item.content.iter().any(|block| matches!(**block, Block::Paragraph(_)));
    let class = classes!(items.iter().any(is_loose).then_some("loose"));
    let items = html! { <Series<Shared<Item>> parts={shared(items)} /> };
    match start {
        Some(1) => html! { <ol {class}>{ items }</ol> },
        Some(start) => html! { <ol {class} start={start.to_string()}>{ items }</ol> },
        None => html! { <ul {class}>{ items }</ul> },
    }
}

#[derive(Clone, PartialEq, Properties)]
struct ItemProps {
    item: Shared<Item>,
}

#[component]
fn ItemView(props: &ItemProps) -> Html {
    let Item { done, content } = &*props.item.0;
    let content = blocks(content);
    match done {
        None => html! { <li>{ content }</li> },
        Some(done) => {
            let label = if *done { "Done" } else { "To do" };
            html! {
                <li class="task">
                    <span class={classes!("task-box", done.then_some("done"))} role="img" aria-label={label} />
                    { content }
                </li>
            }
        }
    }
}

fn table(alignments: &Rc<[Alignment]>, head: &Rc<Row>, rows: &[Rc<Row>]) -> Html {
    let row = |row: &Rc<Row>, head: bool| RowProps {
        row: Shared(Rc::clone(row)),
        alignments: Rc::clone(alignments),
        head,
    };
    let rows: Vec<_> = rows.iter().map(|each| row(each, false)).collect();
    // Reachable by keyboard, because it may have to scroll.
    html! {
        <div class="table" role="group" aria-label="Table" tabindex="0">
            <table>
                <thead>{ row(head, true).draw(0) }</thead>
                <tbody><Series<RowProps> parts={rows} /></tbody>
            </table>
        </div>
    }
}

#[derive(Clone, PartialEq, Properties)]
struct RowProps {
    row: Shared<Row>,
    alignments: Rc<[Alignment]>,
    head: bool,
}

impl Part for RowProps {
    fn draw(&self, place: usize) -> Html {
        html! { <RowView key={place} ..self.clone() /> }
    }
}

#[component]
fn RowView(props: &RowProps) -> Html {
    let cells = props.row.0.0.iter().enumerate().map(|(column, content)| {
        let class = match props.alignments.get(column) {
            Some(Alignment::Center) => "center",
            Some(Alignment::Right) => "right",
            Some(Alignment::Left | Alignment::None) | None => "",
        };
        let class = classes!(class);
        if props.head {
            html! { <th scope="col" {class}>{ inlines(content) }</th> }
        } else {
            html! { <td {class}>{ inlines(content) }</td> }
        }
    });
    html! { <tr>{ for cells }</tr> }
}

fn inlines(content: &[Inline]) -> Html {
    content.iter().map(inline).collect()
}

fn inline(inline: &Inline) -> Html {
    match inline {
        Inline::Text(text) => html! { { text.clone() } },
        Inline::Code(code) => html! { <code>{ code.clone() }</code> },
        Inline::Emphasis(content) => html! { <em>{ inlines(content) }</em> },
        Inline::Strong(content) => html! { <strong>{ inlines(content) }</strong> },
        Inline::Strikethrough(content) => html! { <s>{ inlines(content) }</s> },
        Inline::Link { address, content } => link(address, inlines(content)),
        Inline::Image { address, description } => html! {
            <Picture address={address.clone()} description={description.clone()} />
        },
        Inline::Math { source, display } => formula(source, *display),
        Inline::FootnoteReference(label) => footnote::reference(label),
        Inline::SoftBreak => html! { { "\n" } },
        Inline::HardBreak => html! { <br /> },
    }
}

/// A link that opens beside the page and tells nobody where it came from; an address of another kind is text.
fn link(address: &str, content: Html) -> Html {
    match safe_address(address) {
        Some(href) => {
            let href = href.to_owned();
            html! {
                <a href={href.clone()} title={href} target="_blank" rel="noopener noreferrer">{ content }</a>
            }
        }
        None => html! { <span class="blocked-address" title={address.to_owned()}>{ content }</span> },
    }
}
