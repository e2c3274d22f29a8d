//! Footnotes, and the signs that lead to them and back. They find each other within their own text, so that two
//! answers with a note 1 do not mix.

use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement};
use yew::prelude::*;

#[derive(Clone, PartialEq, Properties)]
pub(super) struct FootnoteProps {
    pub(super) label: AttrValue,
    #[prop_or_default]
    pub(super) children: Html,
}

/// A note at the foot.
#[component]
pub(super) fn Footnote(props: &FootnoteProps) -> Html {
    let label = props.label.clone();
    let onclick = Callback::from(move |event: MouseEvent| go_to(&event, "data-reference", &label));
    html! {
        <div class="footnote" role="note" tabindex="-1" data-footnote={props.label.clone()}>
            <button type="button" class="footnote-reference" aria-label={format!("{}: back to the text", props.label)} {onclick}>
                { props.label.clone() }
            </button>
            <div class="footnote-text">{ props.children.clone() }</div>
        </div>
    }
}

#[derive(Clone, PartialEq, Properties)]
pub(super) struct ReferenceProps {
    pub(super) label: AttrValue,
}

/// The sign in the text.
#[component]
pub(super) fn FootnoteReference(props: &ReferenceProps) -> Html {
    let label = props.label.clone();
    let onclick = Callback::from(move |event: MouseEvent| go_to(&event, "data-footnote", &label));
    html! {
        <button
            type="button"
            class="footnote-reference"
            aria-label={format!("Footnote {}", props.label)}
            data-reference={props.label.clone()}
            {onclick}
        >
            { props.label.clone() }
        </button>
    }
}

/// Moves focus and view to the first element of this text whose `attribute` is `label`.
fn go_to(event: &MouseEvent, attribute: &str, label: &str) {
    if let Some(element) = find(event, attribute, label) {
        element.scroll_into_view();
        if let Ok(element) = element.dyn_into::<HtmlElement>() {
            // Without focus the view has moved all the same.
            element.focus().ok();
        }
    }
}

fn find(event: &MouseEvent, attribute: &str, label: &str) -> Option<Element> {
    let clicked: Element = event.target()?.dyn_into().ok()?;
    let text = clicked.closest(".prose").ok()??;
    let candidates = text.query_selector_all(&format!("[{attribute}]")).ok()?;
    (0..candidates.length())
        .filter_map(|index| candidates.item(index)?.dyn_into::<Element>().ok())
        .find(|element| element.get_attribute(attribute).as_deref() == Some(label))
}
