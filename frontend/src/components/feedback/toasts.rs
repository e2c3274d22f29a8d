//! Short notes at the bottom of the page.

use stylist::css;
use yew::prelude::*;

use crate::components::button::IconButton;
use crate::components::icon::Glyph;
use crate::components::sheet;
use crate::contexts::chat::Chat;
use crate::hooks::{use_chat, use_store};
use crate::state::toasts::{Offer, Toast};

thread_local!(static SHEET: AttrValue = sheet(css!(r#"
    position: fixed;
    z-index: var(--layer-toast);
    left: 50%;
    bottom: calc(7rem + env(safe-area-inset-bottom, 0px));
    display: grid;
    justify-items: center;
    gap: var(--space-2);
    width: min(30rem, calc(100vw - 2rem));
    transform: translateX(-50%);
    pointer-events: none;

    .toast {
        display: flex;
        align-items: center;
        gap: var(--space-2);
        max-width: 100%;
        padding: var(--space-1) var(--space-1) var(--space-1) var(--space-4);
        border-radius: var(--radius-m);
        font-size: var(--text-s);
        color: var(--background);
        background: var(--text);
        box-shadow: var(--shadow-l);
        pointer-events: auto;
        animation: toast-comes var(--normal);
    }
    .toast.error {
        color: var(--on-accent);
        background: var(--danger);
    }
    .toast p {
        margin: 0;
        padding: var(--space-2) 0;
    }
    .toast button {
        flex: none;
        color: inherit;
    }
    .toast button:hover {
        color: inherit;
        background: color-mix(in srgb, currentColor 18%, transparent);
    }
    .offer {
        min-height: 2.25rem;
        padding: 0 var(--space-3);
        border: 0;
        border-radius: var(--radius-s);
        font: inherit;
        font-weight: 650;
        background: transparent;
        cursor: pointer;
    }
    @keyframes toast-comes {
        from { opacity: 0; transform: translateY(8px); }
    }
"#)));

/// The notes of this page.
#[component]
pub fn ToastList() -> Html {
    let chat = use_chat();
    let toasts = use_store(&chat.toasts);
    html! {
        <div class={SHEET.with(AttrValue::clone)} role="status" aria-live="polite">
            { for toasts.items().iter().map(|toast| note(&chat, toast)) }
        </div>
    }
}

fn note(chat: &Chat, toast: &Toast) -> Html {
    let id = toast.id;
    let close = {
        let chat = chat.clone();
        Callback::from(move |_: MouseEvent| chat.toasts.update(|toasts| toasts.remove(id)))
    };
    let offer = toast.offer.clone().map(|offer| {
        let chat = chat.clone();
        let onclick = Callback::from(move |_: MouseEvent| {
            chat.toasts.update(|toasts| toasts.remove(id));
            match &offer {
                Offer::Restore(conversation) => chat.restore(*conversation),
                Offer::Keep(kept) => chat.keep_after_all((**kept).clone()),
            }
        });
        html! { <button type="button" class="offer" {onclick}>{ "Undo" }</button> }
    });
    html! {
        <div key={id} class={classes!("toast", toast.is_error.then_some("error"))}>
            <p>{ &toast.text }</p>
            { offer }
            <IconButton glyph={Glyph::Cross} label="Close this note" small=true onclick={close} />
        </div>
    }
}
