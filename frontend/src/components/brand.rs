//! The mark: a bay window.

use yew::prelude::*;

/// Draws the mark in the accent colour, `size` pixels wide.
pub fn brand(size: u32) -> Html {
    let size = size.to_string();
    html! {
        <svg width={size.clone()} height={size} viewBox="4.5 4 23 23" fill="none" aria-hidden="true" focusable="false">
            <path d="M6 27V14a10 10 0 0 1 20 0v13z" fill="var(--accent)" />
            <path d="M16 4.5V27M6.5 16h19" stroke="var(--background)" stroke-width="2" />
        </svg>
    }
}
