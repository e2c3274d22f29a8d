//! The branch that is shown, and what is on its way to it. Drawn again when a message comes or changes as a whole,
//! never for a token.

use std::cell::Cell;
use std::rc::Rc;

use stylist::css;
use wasm_bindgen_futures::spawn_local;
use yew::prelude::*;

use super::message::Message;
use super::pending_message::PendingMessage;
use super::scroll::use_scroll;
use crate::components::icon::{Glyph, icon};
use crate::components::sheet;
use crate::hooks::{use_chat, use_store};

thread_local!(static SHEET: AttrValue = sheet(css!(r#"
    position: relative;
    flex: 1;
    min-height: 0;

    /* What scrolls out of sight fades. */
    &::before, &::after {
        content: "";
        position: absolute;
        z-index: 1;
        left: 0;
        right: 0.75rem;
        height: 1.25rem;
        pointer-events: none;
    }
    &::before {
        top: 0;
        background: linear-gradient(var(--background), transparent);
    }
    &::after {
        bottom: 0;
        background: linear-gradient(transparent, var(--background));
    }
    & > .scroller {
        height: 100%;
        overflow-y: auto;
        overscroll-behavior: contain;
        scrollbar-gutter: stable both-edges;
        outline-offset: -2px;
    }
    & > .scroller > ol {
        display: flow-root;
        margin: 0;
        padding: var(--notice, 0rem) 0 var(--space-6);
        list-style: none;
        transition: padding var(--normal);
    }
    & > .scroller > .earlier {
        padding: var(--space-4);
        text-align: center;
        font-size: var(--text-s);
        color: var(--muted);
    }
    & > .latest {
        position: absolute;
        z-index: 2;
        left: 50%;
        bottom: var(--space-3);
        display: grid;
        place-items: center;
        width: 2.5rem;
        height: 2.5rem;
        margin-left: -1.25rem;
        padding: 0;
        border: 1px solid var(--border);
        border-radius: 50%;
        color: var(--text);
        background: var(--background);
        box-shadow: var(--shadow-m);
        cursor: pointer;
        animation: latest-comes var(--normal);
    }
    & > .latest:hover {
        background: var(--surface);
    }
    @media (pointer: coarse) {
        & > .latest {
            width: 2.75rem;
            height: 2.75rem;
            margin-left: -1.375rem;
        }
    }
    @keyframes latest-comes {
        from { opacity: 0; transform: translateY(6px); }
    }
"#)));

/// The messages of the open conversation.
#[component]
pub fn MessageList() -> Html {
    let chat = use_chat();
    let open = use_store(&chat.open);
    let outbox = use_store(&chat.outbox);
    let pending: Vec<_> = outbox.of(open.id).cloned().collect();
    // What the server refused stands at the end of whatever is shown; the rest follows what it was written below.
    let branch = match pending.iter().find(|entry| !entry.is_refused()) {
        Some(entry) => open.branch_to(entry.kept.request.parent_id),
        None => open.branch(),
    };

    let loading_older = use_memo((), |()| Cell::new(false));
    let near_start = use_mut_ref(Callback::<()>::noop);
    let scroll = use_scroll(branch.first().map(|shown| Rc::clone(&shown.key)), {
        let near_start = Rc::clone(&near_start);
        Callback::from(move |()| near_start.borrow().emit(()))
    });
    near_start.replace({
        let (chat, scroll, has_older) = (chat.clone(), scroll.clone(), open.older_cursor.is_some());
        Callback::from(move |()| {
            if !has_older || loading_older.replace(true) {
                return;
            }
            let (chat, scroll, loading_older) = (chat.clone(), scroll.clone(), Rc::clone(&loading_older));
            spawn_local(async move {
                scroll.hold();
                chat.load_older().await;
                loading_older.set(false);
            });
        })
    });

    // Another conversation, or a message of one's own: to the end.
    let sent = pending.iter().rfind(|entry| entry.is_ours).map(|entry| entry.kept.id());
    use_effect_with((open.id, open.is_ready(), sent), {
        let scroll = scroll.clone();
        move |_| scroll.to_end()
    });

    // Another version was chosen: its reader wants to see where it differs, not where it ends.
    let is_settled = open.running().is_none();
    let shown_before = use_mut_ref(|| None);
    use_effect_with((open.id, open.leaf()), {
        let scroll = scroll.clone();
        move |(id, leaf)| {
            let before = shown_before.replace(Some((*id, *leaf)));
            if is_settled
                && before.is_some_and(|(before, last)| before == *id && last.is_some() && last != *leaf)
            {
                scroll.stay();
            }
        }
    });

    let to_latest = {
        let scroll = scroll.clone();
        Callback::from(move |_: MouseEvent| scroll.to_end())
    };
    let last = branch.len().saturating_sub(1);
    let is_idle = pending.is_empty();
    html! {
        <div class={SHEET.with(AttrValue::clone)}>
            <div class="scroller" ref={scroll.scroller()} onscroll={scroll.onscroll.clone()} tabindex="0" role="region"
                aria-label="Messages">
                if open.older_cursor.is_some() {
                    <div class="earlier">{ "Earlier messages are loading …" }</div>
                }
                <ol ref={scroll.content()}>
                    { for branch.iter().enumerate().map(|(index, shown)| html! {
                        <Message key={&*shown.key} is_last={is_idle && index == last} shown={shown.clone()} />
                    }) }
                    { for pending.iter().map(|entry| html! {
                        <PendingMessage key={entry.kept.id().to_string()} entry={entry.clone()} />
                    }) }
                </ol>
            </div>
            if scroll.is_away {
                <button type="button" class="latest" title="Go to the end" aria-label="Go to the latest message"
                    onclick={to_latest}>
                    { icon(Glyph::ArrowDown, 20) }
                </button>
            }
        </div>
    }
}
