//! Writes the theme to the page.

use js_sys::{Function, Reflect};
use wasm_bindgen::prelude::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Document, HtmlElement, HtmlMetaElement};

use crate::styles::tokens;

/// Shows the dark theme or the light one; softly if it is another than before and `moving`.
pub(super) fn show(dark: bool, moving: bool) {
    let Some(document) = web_sys::window().and_then(|window| window.document()) else { return };
    let Some(root) = document.document_element().and_then(|root| root.dyn_into::<HtmlElement>().ok()) else {
        return;
    };
    let name = if dark { "dark" } else { "light" };
    let before = root.get_attribute("data-theme");
    let changes = before.is_some_and(|before| before != name);
    let write = {
        let document = document.clone();
        move || {
            // None of these can fail on an element of this page; a colour missed is no reason to stop.
            write(&document, &root, name, &tokens::colors(dark).background).ok();
        }
    };
    if !(changes && moving) {
        write();
    } else if let Some(start) = view_transition(&document) {
        let callback = Closure::once_into_js(write);
        start.call1(&document, &callback).ok();
    } else {
        write();
    }
}

fn write(document: &Document, root: &HtmlElement, name: &str, ground: &str) -> Result<(), JsValue> {
    root.set_attribute("data-theme", name)?;
    root.style().set_property("color-scheme", name)?;
    // theme.js set it for the time before the style sheet; left there, it would outlive the change.
    root.style().remove_property("background-color")?;
    theme_color(document)?.set_content(ground);
    Ok(())
}

/// The element that tells the browser how to colour its own frame.
fn theme_color(document: &Document) -> Result<HtmlMetaElement, JsValue> {
    if let Some(meta) = document.query_selector("meta[name=\"theme-color\"]")? {
        return Ok(meta.unchecked_into());
    }
    let meta: HtmlMetaElement = document.create_element("meta")?.unchecked_into();
    meta.set_name("theme-color");
    document.head().ok_or(JsValue::NULL)?.append_child(&meta)?;
    Ok(meta)
}

/// The browser's way to blend one state of the page into the next, where it has one.
fn view_transition(document: &Document) -> Option<Function> {
    Reflect::get(document, &"startViewTransition".into()).ok()?.dyn_into().ok()
}
