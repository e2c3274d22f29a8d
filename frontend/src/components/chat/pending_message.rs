//! A message that the server has not acknowledged: on its way, waiting for the line, or refused.

use stylist::css;
use yew::prelude::*;

use super::message::row_class;
use super::question::{bubble, question_class};
use crate::components::button::{Button, Weight};
use crate::components::sheet;
use crate::hooks::use_chat;
use crate::state::outbox::{Delivery, Entry};

thread_local!(static SHEET: AttrValue = sheet(css!(r#"
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    justify-content: flex-end;
    gap: var(--space-2);
    min-height: 2.25rem;
    font-size: var(--text-s);
    color: var(--muted);

    &.refused {
        color: var(--danger);
    }
    p {
        flex: 1 0 100%;
        margin: var(--space-2) 0 0;
        text-align: right;
        text-wrap: pretty;
    }
    .late {
        animation: pending-late var(--normal) 1200ms backwards;
    }
    @keyframes pending-late {
        from { opacity: 0; }
    }
"#)));

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
    let id = props.entry.request.client_id;
    let retry = {
        let chat = chat.clone();
        Callback::from(move |_: MouseEvent| chat.retry(id))
    };
    let discard = Callback::from(move |_: MouseEvent| chat.discard(id));
    let class = SHEET.with(AttrValue::clone);
    let state = match &props.entry.delivery {
        Delivery::Sending => html! { <div {class}><span class="late">{ "Sending …" }</span></div> },
        Delivery::Waiting { failure, .. } => html! {
            <div {class}>
                <p>{ format!("Not sent yet; it is kept and tried again. {failure}") }</p>
                <Button weight={Weight::Quiet} onclick={discard}>{ "Take back" }</Button>
                <Button onclick={retry}>{ "Try now" }</Button>
            </div>
        },
        Delivery::Refused(error) => html! {
            <div class={classes!(class, "refused")} role="alert">
                <p>{ &error.message }</p>
                <Button weight={Weight::Quiet} onclick={discard}>{ "Change it" }</Button>
                <Button onclick={retry}>{ "Send again" }</Button>
            </div>
        },
    };
    html! {
        <li class={row_class(true)}>
            <article class={question_class()} aria-label="You, not sent yet">
                { bubble(&props.entry.request.content) }
                { state }
            </article>
        </li>
    }
}
