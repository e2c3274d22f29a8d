//! One row of the conversation list: open, rename in place, delete.

use shared::ConversationSummary;
use shared::limits::TITLE_MAX_CHARS;
use stylist::css;
use web_sys::HtmlInputElement;
use yew::prelude::*;
use yew_router::prelude::*;

use crate::components::icon::Glyph;
use crate::components::menu::{Menu, MenuItem};
use crate::components::sheet;
use crate::hooks::use_chat;
use crate::route::Route;
use crate::state::same::Same;

thread_local!(static SHEET: AttrValue = sheet(css!(r#"
    position: relative;
    display: flex;
    align-items: center;
    border-radius: var(--radius-m);
    transition: background-color var(--fast);
    animation: row-comes var(--normal);

    &:hover, &:focus-within {
        background: color-mix(in srgb, var(--raised) 60%, transparent);
    }
    &.open {
        background: var(--raised);
    }
    a {
        flex: 1;
        min-width: 0;
        padding: 0.5rem var(--space-3);
        border-radius: var(--radius-m);
        overflow: hidden;
        font-size: 0.90625rem;
        line-height: 1.35;
        white-space: nowrap;
        text-overflow: ellipsis;
        color: var(--text);
        text-decoration: none;
    }
    a.untitled {
        color: var(--muted);
    }
    .more {
        position: absolute;
        right: 2px;
        opacity: 0;
    }
    &:hover .more, &:focus-within .more, &.open .more, .more:has([aria-expanded="true"]) {
        opacity: 1;
    }
    &:hover a, &:focus-within a, &.open a {
        padding-right: 2.25rem;
    }
    .busy {
        flex: none;
        width: 7px;
        height: 7px;
        margin-right: var(--space-4);
        border-radius: 50%;
        background: var(--accent);
        animation: row-busy 1.2s ease-in-out infinite alternate;
    }
    &:hover .busy, &:focus-within .busy, &.open .busy {
        margin-right: 2.5rem;
    }
    &:hover a:has(+ .busy), &:focus-within a:has(+ .busy), &.open a:has(+ .busy) {
        padding-right: var(--space-2);
    }
    input {
        flex: 1;
        min-width: 0;
        padding: 0.4rem var(--space-3);
        border: 1px solid var(--accent);
        border-radius: var(--radius-m);
        font: inherit;
        font-size: 0.90625rem;
        color: var(--text);
        background: var(--background);
    }
    @media (pointer: coarse) {
        a {
            padding-top: 0.75rem;
            padding-bottom: 0.75rem;
        }
        .more {
            opacity: 1;
        }
        a, &:hover a, &:focus-within a, &.open a {
            padding-right: 3rem;
        }
        .busy, &:hover .busy, &:focus-within .busy, &.open .busy {
            margin-right: 3.25rem;
        }
        input {
            font-size: 1rem;
        }
    }
    @keyframes row-comes {
        from { opacity: 0; }
    }
    @keyframes row-busy {
        to { opacity: 0.3; }
    }
"#)));

/// Props of a row.
#[derive(Properties, PartialEq)]
pub struct ConversationItemProps {
    /// The row.
    pub row: Same<ConversationSummary>,
    /// It is the open conversation.
    pub is_open: bool,
}

/// One row.
#[component]
pub fn ConversationItem(props: &ConversationItemProps) -> Html {
    let chat = use_chat();
    let renaming = use_state(|| false);
    let id = props.row.id;
    let items = {
        let (start, chat) = (renaming.setter(), chat.clone());
        vec![
            MenuItem {
                glyph: Glyph::Pencil,
                label: "Rename".into(),
                danger: false,
                onclick: Callback::from(move |()| start.set(true)),
            },
            MenuItem {
                glyph: Glyph::Bin,
                label: "Delete".into(),
                danger: true,
                onclick: Callback::from(move |()| chat.delete(id)),
            },
        ]
    };
    let title = if props.row.title.is_empty() { "New conversation" } else { props.row.title.as_str() };
    let done = {
        let renaming = renaming.setter();
        Callback::from(move |title: Option<String>| {
            renaming.set(false);
            if let Some(title) = title {
                chat.rename(id, title);
            }
        })
    };
    html! {
        <li class={classes!(SHEET.with(AttrValue::clone), props.is_open.then_some("open"))}>
            if *renaming {
                <TitleInput title={props.row.title.clone()} {done} />
            } else {
                // The link of the router knows no `aria-current`; the class says it to the eye, this to the ear.
                <Link<Route> to={Route::Conversation { id }}
                    classes={classes!(props.row.title.is_empty().then_some("untitled"))}>
                    { title }
                    if props.is_open { <span class="visually-hidden">{ " (open)" }</span> }
                </Link<Route>>
                if props.row.generating {
                    <span class="busy" role="img" aria-label="An answer is being written"></span>
                }
                <span class="more"><Menu label={format!("More about “{title}”")} {items} /></span>
            }
        </li>
    }
}

#[derive(Properties, PartialEq)]
struct TitleInputProps {
    title: String,
    /// The new title; none where it stays as it was.
    done: Callback<Option<String>>,
}

/// A title that is being changed: Enter and leaving the field keep it, Escape does not.
#[component]
fn TitleInput(props: &TitleInputProps) -> Html {
    let input = use_node_ref();
    let ended = use_mut_ref(|| false);
    use_effect_with((), {
        let input = input.clone();
        move |()| {
            if let Some(input) = input.cast::<HtmlInputElement>() {
                drop(input.focus());
                input.select();
            }
        }
    });
    let end = {
        let (input, done, old) = (input.clone(), props.done.clone(), props.title.clone());
        Callback::from(move |keep: bool| {
            if ended.replace(true) {
                return;
            }
            let title = input.cast::<HtmlInputElement>().map(|input| input.value().trim().to_owned());
            done.emit(title.filter(|title| keep && !title.is_empty() && *title != old));
        })
    };
    let onkeydown = {
        let end = end.clone();
        Callback::from(move |event: KeyboardEvent| match event.key().as_str() {
            "Enter" if !event.is_composing() => end.emit(true),
            "Escape" => {
                event.stop_propagation();
                end.emit(false);
            }
            _ => {}
        })
    };
    let onblur = end.reform(|_: FocusEvent| true);
    html! {
        <input ref={input} value={props.title.clone()} maxlength={TITLE_MAX_CHARS.to_string()}
            aria-label="Title of the conversation" {onkeydown} {onblur} />
    }
}
