//! The conversation list, grouped by day.

use stylist::css;
use wasm_bindgen_futures::spawn_local;
use yew::prelude::*;
use yew_router::prelude::*;

use super::conversation_item::ConversationItem;
use crate::components::button::{Button, Weight};
use crate::components::sheet;
use crate::hooks::{use_chat, use_store};
use crate::platform::time;
use crate::route::Route;
use crate::state::days::Age;

thread_local!(static SHEET: AttrValue = sheet(css!(r#"
    flex: 1;
    min-height: 0;
    overflow-y: auto;
    overscroll-behavior: contain;
    padding: 0 var(--space-3) var(--space-3);

    h2 {
        margin: 0;
        padding: var(--space-4) var(--space-3) var(--space-1);
        font-size: var(--text-xs);
        font-weight: 550;
        color: var(--muted);
    }
    ul {
        margin: 0;
        padding: 0;
        list-style: none;
    }
    .note {
        padding: var(--space-4) var(--space-3);
        font-size: var(--text-s);
        color: var(--muted);
    }
    .ghost {
        height: 0.75rem;
        margin: 1.25rem var(--space-3);
        border-radius: var(--radius-full);
        background: var(--raised);
        animation: list-waits 1.4s ease-in-out infinite alternate;
    }
    .ghost:nth-child(2) { margin-right: 30%; }
    .ghost:nth-child(3) { margin-right: 15%; }
    .ghost:nth-child(4) { margin-right: 45%; }
    @keyframes list-waits {
        from { opacity: 1; }
        to { opacity: 0.45; }
    }
"#)));

/// The conversation list.
#[component]
pub fn ConversationList() -> Html {
    let chat = use_chat();
    let list = use_store(&chat.list);
    let open = match use_route::<Route>() {
        Some(Route::Conversation { id }) => Some(id),
        _ => None,
    };
    let class = SHEET.with(AttrValue::clone);
    if !list.loaded {
        let note = list.failure.as_ref().map(|failure| html! { <p class="note">{ failure.to_string() }</p> });
        return html! {
            <div {class} aria-busy="true">
                { note.unwrap_or_else(|| (0..4).map(|_| html! { <div class="ghost"></div> }).collect()) }
            </div>
        };
    }
    let (now, offset) = (time::now(), time::offset());
    let mut groups: Vec<(Age, Vec<Html>)> = Vec::new();
    for row in list.items() {
        let age = Age::of(row.updated_at, now, offset);
        let item = html! {
            <ConversationItem key={row.id.to_string()} row={row.clone()} is_open={open == Some(row.id)} />
        };
        match groups.last_mut() {
            Some((last, items)) if *last == age => items.push(item),
            _ => groups.push((age, vec![item])),
        }
    }
    let more = list.next_cursor.is_some().then(|| {
        let onclick = Callback::from(move |_: MouseEvent| {
            let chat = chat.clone();
            spawn_local(async move { chat.load_more_conversations().await });
        });
        html! { <Button weight={Weight::Quiet} wide=true {onclick}>{ "Show older ones" }</Button> }
    });
    html! {
        <div {class}>
            if groups.is_empty() {
                <p class="note">{ "Your conversations will be here." }</p>
            }
            { for groups.into_iter().map(|(age, items)| html! {
                <section key={age.heading(0)}>
                    <h2>{ age.heading(now.to_offset(offset).year()) }</h2>
                    <ul>{ for items }</ul>
                </section>
            }) }
            { more }
        </div>
    }
}
