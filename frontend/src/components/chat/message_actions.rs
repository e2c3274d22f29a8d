//! What can be done with a message: copy it, go to its siblings.

use gloo_timers::callback::Timeout;
use shared::Message;
use stylist::css;
use wasm_bindgen_futures::spawn_local;
use yew::prelude::*;

use crate::components::button::IconButton;
use crate::components::icon::Glyph;
use crate::components::sheet;
use crate::contexts::chat::Chat;
use crate::hooks::use_chat;
use crate::platform::clipboard;
use crate::state::conversation::Shown;
use crate::state::same::Same;

/// How long the tick stays: long enough to be seen.
const TICK_MS: u32 = 1_600;

thread_local!(static PAGER: AttrValue = sheet(css!(r#"
    display: inline-flex;
    align-items: center;
    font-size: var(--text-s);
    font-variant-numeric: tabular-nums;
    color: var(--muted);
"#)));

/// Props of the copy button.
#[derive(Properties, PartialEq)]
pub struct CopyMessageProps {
    /// Whose text.
    pub message: Same<Message>,
}

/// Copies the text of a message as Markdown.
#[component]
pub fn CopyMessage(props: &CopyMessageProps) -> Html {
    let chat = use_chat();
    let copied = use_state(|| None::<Timeout>);
    let is_copied = copied.is_some();
    let onclick = {
        let (message, copied) = (props.message.clone(), copied.setter());
        Callback::from(move |_: MouseEvent| {
            let (chat, message, copied) = (chat.clone(), message.clone(), copied.clone());
            spawn_local(async move {
                match clipboard::copy(&message.content).await {
                    Ok(()) => {
                        let end = copied.clone();
                        copied.set(Some(Timeout::new(TICK_MS, move || end.set(None))));
                        chat.announce("Copied.");
                    }
                    Err(_) => {
                        chat.complain("This browser does not let the page copy. Select the text instead.")
                    }
                }
            });
        })
    };
    html! {
        <IconButton glyph={if is_copied { Glyph::Check } else { Glyph::Copy }} small=true {onclick}
            label={if is_copied { "Copied" } else { "Copy" }} />
    }
}

/// ‹ 2/3 ›, where there are siblings.
pub fn pager(chat: &Chat, shown: &Shown) -> Html {
    let Shown { message, place, siblings, .. } = shown;
    if *siblings < 2 {
        return Html::default();
    }
    let id = message.id;
    let step = |by: isize| {
        let chat = chat.clone();
        Callback::from(move |_: MouseEvent| chat.show_sibling(id, by))
    };
    html! {
        <span class={PAGER.with(AttrValue::clone)} role="group" aria-label="Versions">
            <IconButton glyph={Glyph::Left} label="Previous version" small=true disabled={*place == 1} onclick={step(-1)} />
            <span>{ format!("{place} / {siblings}") }</span>
            <IconButton glyph={Glyph::Right} label="Next version" small=true disabled={place == siblings} onclick={step(1)} />
        </span>
    }
}
