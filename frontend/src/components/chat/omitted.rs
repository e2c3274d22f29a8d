//! Messages that a model did not read because they no longer fitted: which ones.

use shared::{Author, MessageId};
use stylist::css;
use yew::prelude::*;

use crate::components::sheet;
use crate::contexts::chat::Chat;
use crate::hooks::use_chat;

/// How much of a message is enough to know it again.
const EXCERPT_MAX_CHARS: usize = 80;

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
    ol {
        margin: var(--space-2) 0 0;
        padding-left: var(--space-5);
    }
"#)));

/// The beginnings of some messages of the open conversation.
pub fn excerpts(chat: &Chat, ids: &[MessageId]) -> Html {
    let open = chat.open.get();
    let lines = ids.iter().map(|id| {
        let words = match open.get(*id) {
            Some(message) => {
                let who = if message.role == Author::User { "You" } else { "Answer" };
                let line = message.content.split_whitespace().collect::<Vec<_>>().join(" ");
                let short: String = line.chars().take(EXCERPT_MAX_CHARS).collect();
                let dots = if short.len() < line.len() { " …" } else { "" };
                format!("{who}: {short}{dots}")
            }
            None => "An earlier message".to_owned(),
        };
        html! { <li>{ words }</li> }
    });
    html! { <ol>{ for lines }</ol> }
}

/// Props of the note.
#[derive(Properties, PartialEq)]
pub struct OmittedProps {
    /// The messages that were left out, oldest first.
    pub ids: Vec<MessageId>,
}

/// Tells what an answer was given without.
#[component]
pub fn Omitted(props: &OmittedProps) -> Html {
    let chat = use_chat();
    let words = match props.ids.len() {
        1 => "Answered without the oldest message, which no longer fits".to_owned(),
        count => format!("Answered without the oldest {count} messages, which no longer fit"),
    };
    html! {
        <details class={SHEET.with(AttrValue::clone)}>
            <summary>{ words }</summary>
            { excerpts(&chat, &props.ids) }
        </details>
    }
}
