//! No such page.

use yew::prelude::*;
use yew_router::prelude::*;

use crate::components::button::{Button, Weight};
use crate::components::feedback::notice::Notice;
use crate::route::Route;

/// No such page.
#[component]
pub fn NotFound() -> Html {
    let navigator = use_navigator();
    let home = Callback::from(move |_: MouseEvent| {
        if let Some(navigator) = &navigator {
            navigator.push(&Route::Home);
        }
    });
    html! {
        <Notice title="There is no such page" text="The address may be mistyped. Your conversations are in the list.">
            <Button weight={Weight::Primary} onclick={home}>{ "New chat" }</Button>
        </Notice>
    }
}
