//! A picture that a text asks for. It is not loaded: loading would tell another machine that, and what, is read
//! here. A click shows where it would come from; opening it is a second, knowing one.

use yew::prelude::*;

use super::address::{host, safe_address};

#[derive(Clone, PartialEq, Properties)]
pub(super) struct PictureProps {
    pub(super) address: AttrValue,
    pub(super) description: AttrValue,
}

/// Stands in for a picture.
#[component]
pub(super) fn Picture(props: &PictureProps) -> Html {
    let shown = use_state_eq(|| false);
    let description = if props.description.is_empty() { "Picture" } else { props.description.as_str() };
    let Some((host, address)) = host(&props.address).zip(safe_address(&props.address)) else {
        return html! { <span class="picture">{ description }</span> };
    };
    let onclick = {
        let shown = shown.clone();
        Callback::from(move |_: MouseEvent| shown.set(!*shown))
    };
    html! {
        <span class="picture">
            <button type="button" {onclick} aria-expanded={shown.to_string()}>
                { format!("{description} – not loaded from {host}") }
            </button>
            if *shown {
                <a href={address.to_owned()} target="_blank" rel="noopener noreferrer">{ address.to_owned() }</a>
            }
        </span>
    }
}
