//! A block of code: its language, its colours, and buttons to copy it and to wrap its lines.

mod copy_button;
mod pieces;

use std::rc::Rc;

use yew::prelude::*;

use crate::markdown::highlight::{self, Kind, Language, Token};
use copy_button::CopyButton;
use pieces::{Piece, Pieces};

/// What [`CodeBlock`] takes.
#[derive(Clone, Debug, PartialEq, Properties)]
pub struct CodeBlockProps {
    /// The code so far.
    pub code: AttrValue,
    /// What stands after the fence, in lower case.
    #[prop_or_default]
    pub language: Option<AttrValue>,
}

/// Code that may still grow: lines that are complete are coloured once.
#[component]
pub fn CodeBlock(props: &CodeBlockProps) -> Html {
    let wrapped = use_state_eq(|| false);
    let pieces = use_mut_ref(Pieces::default);
    let known = props.language.as_deref().and_then(highlight::language);
    let name = known.map_or_else(
        || props.language.clone().unwrap_or(AttrValue::Static("Text")),
        |language| AttrValue::Static(language.name),
    );
    let toggle_wrap = {
        let wrapped = wrapped.clone();
        Callback::from(move |_: MouseEvent| wrapped.set(!*wrapped))
    };
    let pieces = pieces.borrow_mut().update(known, &props.code);
    html! {
        <div class={classes!("code-block", wrapped.then_some("wrapped"))}>
            <div class="code-bar">
                <span class="code-language">{ name.clone() }</span>
                <button type="button" aria-pressed={wrapped.to_string()} title="Wrap long lines" onclick={toggle_wrap}>
                    <svg viewBox="0 0 20 20" aria-hidden="true">
                        <path d="M3 5h14M3 10h11a3 3 0 0 1 0 6h-3m2-2-2 2 2 2M3 15h4" />
                    </svg>
                    <span class="visually-hidden">{ "Wrap long lines" }</span>
                </button>
                <CopyButton text={props.code.clone()} />
            </div>
            <pre tabindex="0" role="group" aria-label={format!("Code: {name}")}><code>{
                for pieces.into_iter().enumerate().map(|(place, piece)| html! {
                    <PieceView key={place} {piece} language={known} />
                })
            }</code></pre>
        </div>
    }
}

#[derive(Clone, Properties)]
struct PieceProps {
    piece: Rc<Piece>,
    language: Option<&'static Language>,
}

impl PartialEq for PieceProps {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.piece, &other.piece)
    }
}

/// Some lines of code in their colours.
#[component]
fn PieceView(props: &PieceProps) -> Html {
    let Piece { text, before } = &*props.piece;
    let content = match props.language {
        Some(language) => highlight::highlight(language, *before, text).0.into_iter().map(token).collect(),
        None => html! { { text.clone() } },
    };
    html! { <span class="code-piece">{ content }</span> }
}

fn token((kind, text): Token<'_>) -> Html {
    match class(kind) {
        Some(class) => html! { <span {class}>{ text.to_owned() }</span> },
        None => html! { { text.to_owned() } },
    }
}

fn class(kind: Kind) -> Option<&'static str> {
    match kind {
        Kind::Plain => None,
        Kind::Comment => Some("hl-comment"),
        Kind::String => Some("hl-string"),
        Kind::Number => Some("hl-number"),
        Kind::Keyword => Some("hl-keyword"),
        Kind::Type => Some("hl-type"),
        Kind::Function => Some("hl-function"),
        Kind::Property => Some("hl-property"),
        Kind::Tag => Some("hl-tag"),
        Kind::Variable => Some("hl-variable"),
        Kind::Inserted => Some("hl-inserted"),
        Kind::Deleted => Some("hl-deleted"),
        Kind::Heading => Some("hl-heading"),
    }
}
