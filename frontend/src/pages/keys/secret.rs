//! The secret of a key that was just made: shown once, with a way to copy it.

use wasm_bindgen_futures::spawn_local;
use yew::prelude::*;

use crate::components::button::Button;
use crate::hooks::use_chat;
use crate::platform::clipboard;

/// Props of the secret.
#[derive(Properties, PartialEq)]
pub(super) struct SecretProps {
    pub(super) secret: AttrValue,
}

#[component]
pub(super) fn Secret(props: &SecretProps) -> Html {
    let chat = use_chat();
    let copied = use_state(|| false);
    let onclick = {
        let (secret, copied) = (props.secret.clone(), copied.setter());
        Callback::from(move |_: MouseEvent| {
            let (chat, secret, copied) = (chat.clone(), secret.clone(), copied.clone());
            spawn_local(async move {
                match clipboard::copy(&secret).await {
                    Ok(()) => copied.set(true),
                    Err(error) => chat.complain(error.to_string()),
                }
            });
        })
    };
    html! {
        <section class="made" role="status">
            <p><strong>{ "Copy the key now." }</strong>{ " It is not shown again." }</p>
            <div class="secret">
                <code>{ &props.secret }</code>
                <Button {onclick}>{ if *copied { "Copied" } else { "Copy" } }</Button>
            </div>
        </section>
    }
}
