//! The line to the server, when it is broken: what is wrong, and that it mends itself. It lies over the page, so that
//! nothing that is read moves; what stands at the top of the page makes room for it.

use gloo_events::EventListener;
use gloo_timers::callback::Timeout;
use stylist::css;
use yew::prelude::*;

use crate::components::button::Button;
use crate::components::icon::{Glyph, icon};
use crate::components::sheet;
use crate::hooks::{use_chat, use_store};
use crate::platform::{time, wake};
use crate::state::connection::Notice;

thread_local!(static SHEET: AttrValue = sheet(css!(r#"
    position: relative;
    z-index: var(--layer-sidebar);
    display: flex;
    justify-content: center;
    height: 0;
    pointer-events: none;

    & > div {
        position: absolute;
        top: var(--space-1);
        display: flex;
        align-items: center;
        gap: var(--space-2);
        max-width: min(34rem, calc(100% - 1.5rem));
        min-height: 2.25rem;
        padding: var(--space-1) var(--space-4);
        border: 1px solid var(--border);
        border-radius: var(--radius-full);
        font-size: var(--text-s);
        line-height: 1.4;
        color: var(--text);
        background: var(--background);
        box-shadow: var(--shadow-m);
        pointer-events: auto;
        animation: banner-comes var(--normal);
    }
    &:has(> div) ~ main {
        --notice: 3rem;
    }
    &:has(> .long) ~ main {
        --notice: 9.5rem;
    }
    /* In the middle of the bar, where nothing else is. */
    @media (min-width: 1024px) {
        &:has(> div) ~ main {
            --notice: 0rem;
        }
        &:has(> .long) ~ main {
            --notice: 6rem;
        }
        & > div:not(.long) {
            top: -2.875rem;
        }
    }
    & > .long {
        flex-wrap: wrap;
        justify-content: flex-end;
        padding: var(--space-3) var(--space-3) var(--space-3) var(--space-4);
        border-radius: var(--radius-l);
    }
    & > .long p {
        flex: 1 1 14rem;
        margin: 0;
        text-wrap: pretty;
    }
    svg {
        flex: none;
        color: var(--muted);
    }
    .dot {
        flex: none;
        width: 0.5rem;
        height: 0.5rem;
        border-radius: 50%;
        background: var(--accent);
        animation: banner-breathes 1.1s ease-in-out infinite alternate;
    }
    @keyframes banner-comes {
        from { opacity: 0; transform: translateY(-6px); }
    }
    @keyframes banner-breathes {
        from { opacity: 0.35; transform: scale(0.8); }
    }
"#)));

/// Tells that the line is broken, once that lasts.
#[component]
pub fn Banner() -> Html {
    let chat = use_chat();
    let connection = *use_store(&chat.connection);
    let update = use_force_update();
    let (notice, ask_again_ms) = connection.notice(time::now_ms());
    use_effect_with((connection, notice), {
        let update = update.clone();
        move |_| {
            let timer = ask_again_ms.map(|ms| Timeout::new(ms, move || update.force_update()));
            move || drop(timer)
        }
    });
    use_effect_with((), move |()| {
        let listeners = web_sys::window().map(|window| {
            ["online", "offline"].map(|name| {
                let update = update.clone();
                EventListener::new(&window, name, move |_| update.force_update())
            })
        });
        move || drop(listeners)
    });
    let is_online = web_sys::window().is_none_or(|window| window.navigator().on_line());
    let shown = match notice {
        Notice::None => Html::default(),
        _ if !is_online => html! {
            <div>{ icon(Glyph::Offline, 18) }{ "You are offline. What you write is kept." }</div>
        },
        Notice::Reconnecting => html! { <div><span class="dot"></span>{ "Reconnecting …" }</div> },
        Notice::Long => html! {
            <div class="long">
                { icon(Glyph::Offline, 20) }
                <p>{ "Oriel has not answered for a while. Nothing is lost: when the server is back, everything goes on by \
                    itself. If this lasts, ask whoever runs it." }</p>
                <Button onclick={|_: MouseEvent| wake::everybody()}>{ "Try now" }</Button>
            </div>
        },
    };
    html! { <div class={SHEET.with(AttrValue::clone)} role="status">{ shown }</div> }
}
