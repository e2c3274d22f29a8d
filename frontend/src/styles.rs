//! The look: tokens (colours, space, type, motion) as CSS variables, and the sheets that every page shares.
//!
//! Colours and motion are values of Rust, because the theme context hands them out and a test computes their
//! contrast; everything else is plain CSS in files of its own. All of it becomes one `<style>` element, mounted
//! before the first component. What belongs to one component stays with it, in scoped styles.

pub mod tokens;

use wasm_bindgen::JsValue;

/// Marks the element, so that mounting twice leaves one.
const ELEMENT_ID: &str = "oriel-styles";

/// The sheets in the order in which they apply.
const SHEETS: [&str; 5] = [
    include_str!("styles/scale.css"),
    include_str!("styles/base.css"),
    include_str!("styles/prose.css"),
    include_str!("styles/code.css"),
    include_str!("styles/motion.css"),
];

/// Everything that every page shares, as one style sheet.
pub fn sheet() -> String {
    [tokens::sheet(), SHEETS.concat()].concat()
}

/// Puts the style sheet into the page; a second call does nothing.
///
/// # Errors
/// Outside of a page, or when it has no head.
pub fn mount() -> Result<(), JsValue> {
    let document = web_sys::window().and_then(|window| window.document()).ok_or(JsValue::NULL)?;
    if document.get_element_by_id(ELEMENT_ID).is_some() {
        return Ok(());
    }
    let element = document.create_element("style")?;
    element.set_id(ELEMENT_ID);
    element.set_text_content(Some(&sheet()));
    document.head().ok_or(JsValue::NULL)?.append_child(&element)?;
    Ok(())
}

#[cfg(test)]
mod tests;
