//! The whole page.

use yew::prelude::*;

/// The root component.
#[component]
pub fn App() -> Html {
    html! { <main>{ "Oriel" }</main> }
}
