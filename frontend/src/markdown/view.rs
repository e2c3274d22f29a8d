//! The component.
use yew::prelude::*;
/// Markdown.
#[component]
pub fn Markdown() -> Html {
    html! {}
}
