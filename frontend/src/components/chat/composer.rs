//! Where messages are written. Grows with the text, keeps a draft for each conversation, and holds the buttons that send and
//! stop.

use shared::GenerationId;
use shared::limits::MESSAGE_MAX_BYTES;
use stylist::css;
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::spawn_local;
use web_sys::{HtmlElement, HtmlTextAreaElement};
use yew::prelude::*;

use crate::components::icon::{Glyph, icon};
use crate::components::sheet;
use crate::hooks::{use_chat, use_selected, use_store};
use crate::state::conversation::Conversation;

/// The element that the skip link and the suggestions go to.
const ELEMENT_ID: &str = "composer";

thread_local!(static SHEET: AttrValue = sheet(css!(r#"
    flex: none;
    width: 100%;
    max-width: calc(var(--measure) + 2rem);
    margin: 0 auto;
    padding: 0 var(--space-4) max(var(--space-4), env(safe-area-inset-bottom, 0px));

    .box {
        position: relative;
        display: flex;
        align-items: flex-end;
        gap: var(--space-2);
        padding: var(--space-2);
        border: 1px solid var(--border);
        border-radius: 1.625rem;
        background: var(--background);
        box-shadow: var(--shadow-s);
        cursor: text;
        transition: border-color var(--fast), box-shadow var(--fast);
    }
    .box:focus-within {
        border-color: color-mix(in srgb, var(--accent) 55%, var(--border));
        box-shadow: var(--shadow-m);
    }
    .grow {
        display: grid;
        flex: 1;
        min-width: 0;
        max-height: min(40vh, 20rem);
        overflow-y: auto;
        overscroll-behavior: contain;
    }
    .grow > * {
        grid-area: 1 / 1;
        min-width: 0;
        margin: 0;
        padding: 0.4375rem var(--space-3);
        border: 0;
        font: inherit;
        font-size: 1rem;
        line-height: 1.5;
        white-space: pre-wrap;
        overflow-wrap: anywhere;
    }
    .mirror {
        visibility: hidden;
        pointer-events: none;
    }
    textarea {
        display: block;
        width: 100%;
        overflow: hidden;
        resize: none;
        color: var(--text);
        background: transparent;
        outline: none;
    }
    textarea::placeholder {
        overflow: hidden;
        white-space: nowrap;
        text-overflow: ellipsis;
        color: var(--muted);
        opacity: 1;
    }
    .act {
        display: grid;
        place-items: center;
        flex: none;
        width: 2.375rem;
        height: 2.375rem;
        padding: 0;
        border: 0;
        border-radius: 50%;
        color: var(--on-accent);
        background: var(--accent);
        cursor: pointer;
        transition: background-color var(--fast), color var(--fast), opacity var(--fast), transform var(--fast);
    }
    .act:active:not(:disabled) {
        transform: scale(0.94);
    }
    .act:disabled {
        color: var(--muted);
        background: var(--raised);
        cursor: default;
    }
    .act.stop {
        color: var(--background);
        background: var(--text);
    }
    .act.stop svg {
        fill: currentColor;
    }
    .wrong {
        margin: 0;
        padding: var(--space-2) var(--space-4) 0;
        font-size: var(--text-s);
        color: var(--danger);
    }
    @media (pointer: coarse) {
        .act {
            width: 2.75rem;
            height: 2.75rem;
        }
        .grow > * {
            padding-top: 0.625rem;
            padding-bottom: 0.625rem;
        }
    }
    @media (max-width: 767px) {
        padding: 0 var(--space-3) max(var(--space-3), env(safe-area-inset-bottom, 0px));
    }
"#)));

/// Where messages are written.
#[component]
pub fn Composer() -> Html {
    let chat = use_chat();
    let conversation = use_selected(&chat.open, |open: &Conversation| open.id);
    let running = use_selected(&chat.open, Conversation::running);
    let of_conversation = use_selected(&chat.open, |open: &Conversation| open.model.clone());
    let models = use_store(&chat.models);
    let _drawn_again_when_drafts_change = use_store(&chat.drafts);
    let draft = chat.draft(conversation);
    let area = use_node_ref();

    use_effect_with(conversation, {
        let area = area.clone();
        move |_| {
            if !has_touch_keyboard() {
                focus(area.cast());
            }
        }
    });

    let too_long = draft.len() > MESSAGE_MAX_BYTES;
    let can_send = !too_long && !draft.trim().is_empty();
    let send = {
        let (chat, draft, area) = (chat.clone(), draft.clone(), area.clone());
        Callback::from(move |()| {
            if can_send {
                chat.set_draft(conversation, String::new());
                chat.send(draft.clone());
                focus(area.cast());
            }
        })
    };
    let onkeydown = {
        let send = send.clone();
        Callback::from(move |event: KeyboardEvent| match event.key().as_str() {
            // A key that ends the composition of a character belongs to the input method; 229 is how Safari says so.
            "Enter" if event.is_composing() || event.key_code() == 229 => {}
            "Enter" if !event.shift_key() && !has_touch_keyboard() => {
                event.prevent_default();
                send.emit(());
            }
            _ => {}
        })
    };
    let oninput = {
        let chat = chat.clone();
        Callback::from(move |event: InputEvent| {
            if let Some(area) = event.target_dyn_into::<HtmlTextAreaElement>() {
                chat.set_draft(conversation, area.value());
            }
        })
    };
    let onsubmit = {
        let send = send.clone();
        Callback::from(move |event: SubmitEvent| {
            event.prevent_default();
            send.emit(());
        })
    };
    let onpointerup = {
        let area = area.clone();
        Callback::from(move |event: PointerEvent| {
            let target = event.target_dyn_into::<web_sys::Element>();
            if target.is_some_and(|target| target.class_list().contains("box")) {
                focus(area.cast());
            }
        })
    };
    let placeholder = match models.current(of_conversation.as_deref()) {
        Some(model) => format!("Message {}", model.name),
        None if models.items.is_some() => "No model is there to answer".to_owned(),
        None => "Message".to_owned(),
    };
    let send_label = if running.is_some() { "Send when the answer has ended" } else { "Send" };
    html! {
        <form class={SHEET.with(AttrValue::clone)} {onsubmit}>
            <div class="box" {onpointerup}>
                <div class="grow">
                    <div class="mirror" aria-hidden="true">{ &draft }{ "\u{200b}" }</div>
                    <textarea id={ELEMENT_ID} ref={area} rows="1" value={draft.clone()} {placeholder} {oninput} {onkeydown}
                        aria-label="Message" aria-description="Enter sends, Shift and Enter make a new line."
                        enterkeyhint={if has_touch_keyboard() { "enter" } else { "send" }} />
                </div>
                if let Some(running) = running {
                    <StopButton key="stop" {running} />
                }
                if running.is_none() || !draft.trim().is_empty() {
                    <button key="send" type="submit" class="act" title={send_label} aria-label="Send"
                        aria-description={running.map(|_| send_label)} disabled={!can_send}>
                        { icon(Glyph::ArrowUp, 20) }
                    </button>
                }
            </div>
            if too_long {
                <p class="wrong" role="alert">
                    { format!("This message has {} KB; at most {} KB can be sent at once. Shorten it, or send it in parts.",
                        draft.len() / 1024, MESSAGE_MAX_BYTES / 1024) }
                </p>
            }
        </form>
    }
}

#[derive(Properties, PartialEq)]
struct StopButtonProps {
    running: GenerationId,
}

/// Ends the answer that is being written.
#[component]
fn StopButton(props: &StopButtonProps) -> Html {
    let chat = use_chat();
    let stopping = use_state(|| None);
    let running = props.running;
    let onclick = {
        let stopping = stopping.clone();
        Callback::from(move |_: MouseEvent| {
            stopping.set(Some(running));
            let (chat, stopping) = (chat.clone(), stopping.setter());
            spawn_local(async move {
                if !chat.stop(running).await {
                    stopping.set(None);
                }
            });
        })
    };
    html! {
        <button type="button" class="act stop" title="Stop (Esc)" aria-label="Stop"
            disabled={*stopping == Some(running)} {onclick}>
            { icon(Glyph::Stop, 20) }
        </button>
    }
}

/// Puts a beginning into the composer of the new conversation and goes there.
pub fn begin_with(chat: &crate::contexts::chat::Chat, text: &str) {
    chat.set_draft(None, text.to_owned());
    let page = web_sys::window().and_then(|window| window.document());
    let area: Option<HtmlTextAreaElement> =
        page.and_then(|page| page.get_element_by_id(ELEMENT_ID)).and_then(|area| area.dyn_into().ok());
    if let Some(area) = area {
        // The component draws the same text; it is set here too, so that the cursor can go to its end at once.
        area.set_value(text);
        let end = u32::try_from(text.encode_utf16().count()).unwrap_or(u32::MAX);
        focus(Some(area.clone().into()));
        drop(area.set_selection_range(end, end));
    }
}

fn focus(element: Option<HtmlElement>) {
    if let Some(element) = element {
        // What cannot take the focus is passed over.
        drop(element.focus());
    }
}

/// On a phone Enter makes a new line: its keyboard has no Shift-Enter.
fn has_touch_keyboard() -> bool {
    web_sys::window()
        .and_then(|window| window.match_media("(pointer: coarse) and (hover: none)").ok()?)
        .is_some_and(|query| query.matches())
}
