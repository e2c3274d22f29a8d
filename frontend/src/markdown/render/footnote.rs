//! Footnotes, and the signs that lead to them and back. They find each other within their own text, so that two
//! answers with a note 1 do not mix.

use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement};
use yew::prelude::*;

/// A note at the foot.
pub(super) fn footnote(label: &str, content: Html) -> Html {
    html! {
        <div class="footnote" role="note" tabindex="-1" data-footnote={label.to_owned()}>
            { sign(label, format!("{label}: back to the text"), None, "data-reference") }
            <div class="footnote-text">{ content }</div>
        </div>
    }
}

/// The sign in the text.
pub(super) fn reference(label: &str) -> Html {
    sign(label, format!("Footnote {label}"), Some(label.to_owned()), "data-footnote")
}

/// A button that leads to the element whose `target` is `label`.
fn sign(label: &str, name: String, reference: Option<String>, target: &'static str) -> Html {
    let label = AttrValue::from(label.to_owned());
    let onclick = {
        let label = label.clone();
        Callback::from(move |event: MouseEvent| go_to(&event, target, &label))
    };
    html! {
        <button type="button" class="footnote-reference" aria-label={name} data-reference={reference} {onclick}>
            { label }
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
