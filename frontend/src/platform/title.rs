//! The title of the window.

/// Shows a conversation's title, or the program's name alone.
pub fn set(title: &str) {
    if let Some(page) = web_sys::window().and_then(|window| window.document()) {
        page.set_title(&if title.is_empty() { "Oriel".to_owned() } else { format!("{title} – Oriel") });
    }
}
