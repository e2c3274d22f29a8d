//! A message of a person: its text as it was written, and a way to change it.

use stylist::css;
use yew::prelude::*;

use super::message_actions::{CopyMessage, pager};
use super::message_editor::MessageEditor;
use crate::components::button::IconButton;
use crate::components::icon::Glyph;
use crate::components::sheet;
use crate::hooks::use_chat;
use crate::markdown::Markdown;
use crate::platform::time;
use crate::state::conversation::Shown;

thread_local!(static SHEET: AttrValue = sheet(css!(r#"
    display: flex;
    flex-direction: column;
    align-items: flex-end;
    padding-top: var(--space-5);

    & > .bubble {
        max-width: min(85%, 36rem);
        padding: 0.625rem var(--space-4);
        border-radius: 1.25rem 1.25rem 0.375rem 1.25rem;
        background: var(--raised);
        overflow-wrap: anywhere;
    }
    & > .bubble.text {
        white-space: pre-wrap;
    }
    & > .actions {
        display: flex;
        align-items: center;
        min-height: 2.25rem;
        opacity: 0;
        transition: opacity var(--fast);
    }
    & > .actions > .when {
        padding: 0 var(--space-2);
        font-size: var(--text-xs);
        color: var(--muted);
    }
    & > .actions.kept, &:hover > .actions, & > .actions:focus-within {
        opacity: 1;
    }
    @media (pointer: coarse) {
        & > .actions > .when {
            display: none;
        }
        & > .actions {
            opacity: 1;
            min-height: 2.75rem;
        }
    }
"#)));

/// The class of a message of a person; one that is still on its way looks the same.
pub fn question_class() -> AttrValue {
    SHEET.with(AttrValue::clone)
}

/// The text of a person in its bubble. Code is drawn as code; everything else stays as it was typed.
pub fn bubble(content: &str) -> Html {
    if content.contains("```") {
        html! { <div class="bubble"><Markdown source={AttrValue::from(content.to_owned())} streaming=false /></div> }
    } else {
        html! { <div class="bubble text">{ content }</div> }
    }
}

/// Props of a message of a person.
#[derive(Properties, PartialEq)]
pub struct QuestionProps {
    /// The message and its place among its siblings.
    pub shown: Shown,
}

/// A message of a person.
#[component]
pub fn Question(props: &QuestionProps) -> Html {
    let chat = use_chat();
    let editing = use_state(|| false);
    let message = &props.shown.message;
    let id = message.id;
    if *editing {
        let close = editing.setter();
        let done = Callback::from(move |content: Option<String>| {
            close.set(false);
            if let Some(content) = content {
                chat.edit(id, content);
            }
        });
        return html! {
            <div class={question_class()}>
                <MessageEditor content={message.content.clone()} {done} />
            </div>
        };
    }
    let edit = {
        let editing = editing.setter();
        Callback::from(move |_: MouseEvent| editing.set(true))
    };
    let kept = (props.shown.siblings > 1).then_some("kept");
    html! {
        <article class={question_class()} aria-label="You">
            { bubble(&message.content) }
            <div class={classes!("actions", kept)}>
                <span class="when">{ time::local(message.timestamp) }</span>
                <CopyMessage message={message.clone()} />
                <IconButton glyph={Glyph::Pencil} label="Edit" small=true onclick={edit} />
                { pager(&chat, &props.shown) }
            </div>
        </article>
    }
}
