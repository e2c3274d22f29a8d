//! The mark: a bay window.

use yew::prelude::*;

/// Props of the mark.
#[derive(Properties, PartialEq)]
pub struct BrandProps {
    /// Width and height in pixels.
    #[prop_or(28)]
    pub size: u32,
}

/// Draws the mark in the accent colour.
#[component]
pub fn Brand(props: &BrandProps) -> Html {
    let size = props.size.to_string();
    html! {
        <svg width={size.clone()} height={size} viewBox="4.5 4 23 23" fill="none" aria-hidden="true" focusable="false">
            <path d="M6 27V14a10 10 0 0 1 20 0v13z" fill="var(--accent)" />
            <path d="M16 4.5V27M6.5 16h19" stroke="var(--background)" stroke-width="2" />
        </svg>
    }
}
