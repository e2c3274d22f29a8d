//! The parts of the page. A component reads what it shows with the hooks and does what it does through their verbs.

pub mod brand;
pub mod button;
pub mod chat;
pub mod dialog;
pub mod feedback;
pub mod field;
pub mod icon;
pub mod layout;
pub mod menu;

use stylist::{Style, StyleSource};
use yew::AttrValue;

/// Mounts the sheet of a component and returns its class. Called once for each sheet, by the `thread_local!` that
/// keeps the class: drawing a component a thousand times must not read its sheet a thousand times.
pub(crate) fn sheet(css: StyleSource) -> AttrValue {
    match Style::new(css) {
        Ok(style) => AttrValue::from(style.get_class_name().to_owned()),
        Err(error) => {
            web_sys::console::error_1(&format!("a sheet cannot be mounted: {error}").into());
            AttrValue::default()
        }
    }
}
