//! The line to the server, when it is broken: what is wrong, and that it mends itself.

use stylist::css;
use yew::prelude::*;

use crate::components::icon::{Glyph, icon};
use crate::components::sheet;
use crate::hooks::{use_chat, use_selected};
use crate::state::connection::Connection;

thread_local!(static SHEET: AttrValue = sheet(css!(r#"
    display: grid;
    grid-template-rows: 0fr;
    transition: grid-template-rows var(--normal);

    &.shown {
        grid-template-rows: 1fr;
    }
    .inside {
        overflow: hidden;
    }
    p {
        display: flex;
        align-items: center;
        justify-content: center;
        gap: var(--space-2);
        margin: 0;
        padding: var(--space-2) var(--space-4);
        font-size: var(--text-s);
        color: var(--text);
        background: color-mix(in srgb, var(--danger) 12%, var(--background));
    }
    svg {
        flex: none;
        color: var(--danger);
    }
"#)));

/// Tells that the line is broken.
#[component]
pub fn Banner() -> Html {
    let chat = use_chat();
    let is_lost = use_selected(&chat.connection, |connection: &Connection| connection.is_worth_telling());
    let is_online = web_sys::window().is_none_or(|window| window.navigator().on_line());
    let words = if is_online {
        "The server does not answer. Trying again – what you write is kept."
    } else {
        "This device is offline. Oriel goes on when it is back – what you write is kept."
    };
    html! {
        <div class={classes!(SHEET.with(AttrValue::clone), is_lost.then_some("shown"))} role="status">
            <div class="inside">
                if is_lost {
                    <p>{ icon(Glyph::Offline, 18) }{ words }</p>
                }
            </div>
        </div>
    }
}
