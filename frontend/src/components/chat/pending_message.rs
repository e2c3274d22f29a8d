//! A message that the server has not acknowledged: on its way, waiting for an answer or the line, or refused.

use shared::{ApiError, ClientId, ErrorCode};
use stylist::css;
use yew::prelude::*;

use super::message::row_class;
use super::question::{bubble, question_class};
use crate::components::button::{Button, Weight};
use crate::components::icon::{Glyph, icon};
use crate::components::sheet;
use crate::contexts::chat::Chat;
use crate::hooks::use_chat;
use crate::state::failure::Failure;
use crate::state::outbox::{Delivery, Entry};

thread_local!(static SHEET: AttrValue = sheet(css!(r#"
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    justify-content: flex-end;
    gap: var(--space-1) var(--space-2);
    min-height: 2.25rem;
    padding-top: var(--space-1);
    font-size: var(--text-s);
    color: var(--muted);

    &.refused {
        color: var(--danger);
    }
    p {
        display: flex;
        align-items: center;
        gap: var(--space-2);
        margin: 0;
        text-wrap: pretty;
    }
    button {
        min-height: 2.25rem;
        padding: 0 var(--space-3);
        font-size: var(--text-s);
    }
    @media (pointer: coarse) {
        button {
            min-height: 2.75rem;
        }
    }
    svg {
        flex: none;
    }
    .late {
        animation: pending-late var(--normal) 1200ms backwards;
    }
    @keyframes pending-late {
        from { opacity: 0; }
    }
"#)));

/// What is said of a message that waits for an answer, whoever knows that it has to: the page or the server.
const HELD: &str = "Sent when the answer before it has ended.";

/// Props of a message on its way.
#[derive(Properties, PartialEq)]
pub struct PendingMessageProps {
    /// The message.
    pub entry: Entry,
}

/// A message on its way.
#[component]
pub fn PendingMessage(props: &PendingMessageProps) -> Html {
    let chat = use_chat();
    let id = props.entry.kept.id();
    let does = |verb: fn(&Chat, ClientId)| {
        let chat = chat.clone();
        Callback::from(move |_: MouseEvent| verb(&chat, id))
    };
    let class = SHEET.with(AttrValue::clone);
    let discard =
        || html! { <Button weight={Weight::Quiet} onclick={does(Chat::discard)}>{ "Discard" }</Button> };
    let state = match &props.entry.delivery {
        Delivery::Sending | Delivery::Waiting { failure: None, .. } => {
            html! { <div {class}><span class="late">{ "Sending …" }</span></div> }
        }
        Delivery::Behind => html! {
            <div {class}>
                <p>{ icon(Glyph::Clock, 16) }{ "Sent after the message before it." }</p>
                { discard() }
            </div>
        },
        Delivery::Held => html! {
            <div {class}>
                <p>{ icon(Glyph::Clock, 16) }{ HELD }</p>
                { discard() }
                <Button weight={Weight::Quiet} onclick={does(Chat::change)}>{ "Change it" }</Button>
            </div>
        },
        Delivery::Waiting { failure: Some(failure), .. } => html! {
            <div {class}>
                <p>{ icon(Glyph::Clock, 16) }{ waiting_words(failure) }</p>
                { discard() }
                <Button onclick={does(Chat::retry)}>{ "Send now" }</Button>
            </div>
        },
        Delivery::Refused(error) => html! {
            <div class={classes!(class, "refused")} role="alert">
                <p>{ icon(Glyph::Warning, 16) }{ refused_words(error) }</p>
                { discard() }
                <Button weight={Weight::Quiet} onclick={does(Chat::change)}>{ "Change it" }</Button>
                <Button onclick={does(Chat::retry)}>
                    { match error.code {
                        ErrorCode::Conflict => "Send as new",
                        ErrorCode::NotFound => "Send in a new chat",
                        _ => "Send again",
                    } }
                </Button>
            </div>
        },
    };
    html! {
        <li class={row_class(true)}>
            <article class={question_class()} aria-label="You, not sent yet">
                { bubble(&props.entry.kept.request.content) }
                { state }
            </article>
        </li>
    }
}

/// Why a message waits, and that nobody has to do anything.
fn waiting_words(failure: &Failure) -> String {
    match failure {
        Failure::Unreachable => "Waiting to be sent. It goes by itself.".into(),
        Failure::Refused(error) => match error.code {
            ErrorCode::Conflict => HELD.into(),
            ErrorCode::ShuttingDown | ErrorCode::DatabaseUnavailable => {
                "Waiting for the server to be back. It goes by itself.".into()
            }
            _ => format!("Waiting to be sent. {}", error.message),
        },
    }
}

fn refused_words(error: &ApiError) -> &str {
    match error.code {
        ErrorCode::Conflict => {
            "The server knows another message under the same id, so this one was not sent."
        }
        ErrorCode::NotFound => "The conversation of this message is gone.",
        _ => &error.message,
    }
}
