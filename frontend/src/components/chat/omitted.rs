//! Messages that a model did not read because they no longer fitted: which ones.

use shared::{Author, MessageId};
use stylist::css;
use yew::prelude::*;

use crate::components::sheet;
use crate::contexts::chat::Chat;

/// How much of a message is enough to know it again: more than one line shows.
const EXCERPT_MAX_WORDS: usize = 40;

thread_local!(static SHEET: AttrValue = sheet(css!(r#"
    margin-bottom: var(--space-3);
    padding: var(--space-2) var(--space-3);
    border-radius: var(--radius-m);
    background: var(--surface);
    font-size: var(--text-s);
    color: var(--muted);

    summary {
        cursor: pointer;
    }
"#)));

thread_local!(static EXCERPTS: AttrValue = sheet(css!(r#"
    margin: var(--space-2) 0 0;
    padding: 0;
    list-style: none;

    li {
        overflow: hidden;
        padding: 0.125rem 0;
        white-space: nowrap;
        text-overflow: ellipsis;
    }
    strong {
        font-weight: 550;
        color: var(--text);
    }
"#)));

/// The beginnings of some messages of the open conversation.
pub fn excerpts(chat: &Chat, ids: &[MessageId]) -> Html {
    let open = chat.open.get();
    let lines = ids.iter().map(|id| match open.get(*id) {
        Some(message) => {
            let who = if message.role == Author::User { "You" } else { "Answer" };
            let words =
                message.content.split_whitespace().take(EXCERPT_MAX_WORDS).collect::<Vec<_>>().join(" ");
            html! { <li><strong>{ who }</strong>{ " " }{ words }</li> }
        }
        None => html! { <li>{ "An earlier message" }</li> },
    });
    html! { <ol class={EXCERPTS.with(AttrValue::clone)}>{ for lines }</ol> }
}

/// Tells what an answer was given without: the messages, oldest first.
pub fn omitted(chat: &Chat, ids: &[MessageId]) -> Html {
    let words = match ids.len() {
        0 => return Html::default(),
        1 => "Answered without the oldest message, which no longer fits".to_owned(),
        count => format!("Answered without the oldest {count} messages, which no longer fit"),
    };
    html! {
        <details class={SHEET.with(AttrValue::clone)}>
            <summary>{ words }</summary>
            { excerpts(chat, ids) }
        </details>
    }
}
