//! The server does not answer, and nobody is known to be signed in. Tries again by itself.

use wasm_bindgen_futures::spawn_local;
use yew::prelude::*;

use super::door::Door;
use crate::components::button::{Button, Weight};
use crate::hooks::use_session;
use crate::platform::wake;
use crate::state::failure::Failure;

/// How long until the next try.
const AGAIN_MS: u32 = 4_000;

/// Props of the page.
#[derive(Properties, PartialEq)]
pub struct UnreachableProps {
    /// Why.
    pub failure: Failure,
}

/// The server does not answer.
#[component]
pub fn Unreachable(props: &UnreachableProps) -> Html {
    let session = use_session();
    use_effect_with((), {
        let session = session.clone();
        move |()| {
            spawn_local(async move {
                wake::wait(AGAIN_MS).await;
                session.start_again().await;
            });
        }
    });
    let again = Callback::from(move |_: MouseEvent| {
        let session = session.clone();
        spawn_local(async move { session.start_again().await });
    });
    html! {
        <Door title="Oriel does not answer" lead={Some(AttrValue::from(props.failure.to_string()))}>
            <div class="actions" role="status">
                <Button weight={Weight::Primary} onclick={again}>{ "Try again" }</Button>
                <span>{ "It is tried every few seconds." }</span>
            </div>
        </Door>
    }
}
