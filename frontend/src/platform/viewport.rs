//! The part of the window that the on-screen keyboard leaves free. Browsers that shrink the page by themselves need
//! nothing; for the others the height is written into the variable `--viewport-height`.

use gloo_events::EventListener;
use wasm_bindgen::JsCast;
use web_sys::{HtmlElement, Window};

/// Keeps the variable in step for as long as the returned listener lives.
pub fn follow() -> Option<EventListener> {
    let window = web_sys::window()?;
    let viewport = window.visual_viewport()?;
    Some(EventListener::new(&viewport, "resize", move |_| write(&window)))
}

fn write(window: &Window) {
    let root = window.document().and_then(|document| document.document_element());
    let (Some(root), Some(viewport)) = (root, window.visual_viewport()) else { return };
    let Some(root) = root.dyn_ref::<HtmlElement>() else { return };
    // Zoomed in by a pinch, the visible part says nothing about a keyboard.
    let result = if viewport.scale() > 1.01 {
        root.style().remove_property("--viewport-height").map(drop)
    } else {
        root.style().set_property("--viewport-height", &format!("{}px", viewport.height()))
    };
    if result.is_err() {
        web_sys::console::warn_1(&"the viewport's height cannot be set".into());
    }
}
