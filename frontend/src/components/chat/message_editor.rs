//! Changing a message: sending it makes a branch beside the old one, which stays.

use shared::limits::MESSAGE_MAX_BYTES;
use stylist::css;
use web_sys::HtmlTextAreaElement;
use yew::prelude::*;

use crate::components::button::{Button, Weight};
use crate::components::sheet;

thread_local!(static SHEET: AttrValue = sheet(css!(r#"
    width: 100%;
    margin-bottom: var(--space-4);
    padding: var(--space-3);
    border-radius: var(--radius-l);
    background: var(--raised);

    .grow {
        display: grid;
        max-height: 50vh;
        overflow-y: auto;
    }
    .grow > * {
        grid-area: 1 / 1;
        padding: var(--space-1) var(--space-2);
        border: 0;
        font: inherit;
        line-height: var(--line-normal);
        white-space: pre-wrap;
        overflow-wrap: anywhere;
    }
    .mirror {
        visibility: hidden;
    }
    textarea {
        overflow: hidden;
        resize: none;
        color: inherit;
        background: transparent;
        outline: none;
    }
    .actions {
        display: flex;
        justify-content: flex-end;
        gap: var(--space-2);
        margin-top: var(--space-2);
    }
"#)));

/// Props of the editor.
#[derive(Properties, PartialEq)]
pub struct MessageEditorProps {
    /// The text as it was.
    pub content: String,
    /// The changed text; none where nothing shall happen.
    pub done: Callback<Option<String>>,
}

/// The editor of one message. Control-Enter sends, Escape leaves.
#[component]
pub fn MessageEditor(props: &MessageEditorProps) -> Html {
    let text = use_state(|| props.content.clone());
    let area = use_node_ref();
    use_effect_with((), {
        let area = area.clone();
        move |()| {
            if let Some(area) = area.cast::<HtmlTextAreaElement>() {
                drop(area.focus());
                let end = area.value().encode_utf16().count();
                let end = u32::try_from(end).unwrap_or(u32::MAX);
                drop(area.set_selection_range(end, end));
            }
        }
    });
    let can_send = !text.trim().is_empty() && text.len() <= MESSAGE_MAX_BYTES;
    let send = {
        let (done, text) = (props.done.clone(), text.clone());
        Callback::from(move |()| {
            if can_send {
                done.emit(Some((*text).clone()));
            }
        })
    };
    let cancel = props.done.reform(|_: MouseEvent| None);
    let oninput = {
        let text = text.setter();
        Callback::from(move |event: InputEvent| {
            if let Some(area) = event.target_dyn_into::<HtmlTextAreaElement>() {
                text.set(area.value());
            }
        })
    };
    let onkeydown = {
        let (send, done) = (send.clone(), props.done.clone());
        Callback::from(move |event: KeyboardEvent| match event.key().as_str() {
            "Enter" if event.ctrl_key() || event.meta_key() => send.emit(()),
            "Escape" => {
                event.stop_propagation();
                done.emit(None);
            }
            _ => {}
        })
    };
    html! {
        <div class={SHEET.with(AttrValue::clone)}>
            <div class="grow">
                <div class="mirror" aria-hidden="true">{ &*text }{ "\u{200b}" }</div>
                <textarea ref={area} value={(*text).clone()} {oninput} {onkeydown} aria-label="Edit message" />
            </div>
            <div class="actions">
                <Button onclick={cancel}>{ "Cancel" }</Button>
                <Button weight={Weight::Primary} disabled={!can_send} onclick={send.reform(|_: MouseEvent| ())}>
                    { "Send" }
                </Button>
            </div>
        </div>
    }
}
