//! Copying text.
//!
//! Browsers offer the clipboard only to pages that came over https or from this machine. Oriel is also used over
//! plain http in a house or a laboratory, so there is a second way: a text field off the screen, selected and
//! copied as a person would.

use thiserror::Error;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Document, Element, HtmlDocument, HtmlElement, HtmlTextAreaElement};

/// The text is not on the clipboard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("This browser does not let the page copy. Select the text and press Ctrl+C (or ⌘C).")]
pub struct CopyError;

/// Puts `text` on the clipboard. To be called while a click or a key is handled: browsers ask for one.
///
/// # Errors
/// When the browser refuses both ways.
pub async fn copy(text: &str) -> Result<(), CopyError> {
    match write(text).await {
        Ok(()) => Ok(()),
        Err(_) => copy_by_selection(text),
    }
}

/// The modern way.
async fn write(text: &str) -> Result<(), JsValue> {
    let navigator = web_sys::window().ok_or(JsValue::NULL)?.navigator();
    // Where the page is not trusted the object is missing, whatever the type says.
    let clipboard = js_sys::Reflect::get(&navigator, &"clipboard".into())?;
    if clipboard.is_undefined() || clipboard.is_null() {
        return Err(JsValue::NULL);
    }
    JsFuture::from(navigator.clipboard().write_text(text)).await.map(|_| ())
}

/// The old way, which needs no trust.
///
/// # Errors
/// When the browser refuses.
pub fn copy_by_selection(text: &str) -> Result<(), CopyError> {
    let document = web_sys::window().and_then(|window| window.document()).ok_or(CopyError)?;
    let focused = document.active_element();
    let field = text_field(&document, text).ok_or(CopyError)?;
    field.select();
    let copied = document
        .dyn_ref::<HtmlDocument>()
        .is_some_and(|document| document.exec_command("copy").unwrap_or(false));
    field.remove();
    give_focus_back(focused);
    if copied { Ok(()) } else { Err(CopyError) }
}

fn text_field(document: &Document, text: &str) -> Option<HtmlTextAreaElement> {
    let field: HtmlTextAreaElement = document.create_element("textarea").ok()?.dyn_into().ok()?;
    field.set_value(text);
    field.set_read_only(true);
    field.set_class_name("visually-hidden");
    field.set_attribute("aria-hidden", "true").ok()?;
    // Within an open dialog only what is inside of it can be selected.
    let place = document.query_selector("dialog[open]").ok().flatten();
    match place {
        Some(dialog) => dialog.append_child(&field).ok()?,
        None => document.body()?.append_child(&field).ok()?,
    };
    Some(field)
}

fn give_focus_back(focused: Option<Element>) {
    if let Some(element) = focused.and_then(|element| element.dyn_into::<HtmlElement>().ok()) {
        // Losing the focus is no reason to fail: the text is copied.
        element.focus().ok();
    }
}
