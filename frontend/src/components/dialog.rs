//! A question over the page that has to be answered before anything else is done. The browser keeps the focus inside.

use stylist::css;
use web_sys::{Element, HtmlDialogElement};
use yew::prelude::*;

use super::sheet;

thread_local!(static SHEET: AttrValue = sheet(css!(r#"
    width: min(28rem, calc(100vw - 2rem));
    max-height: calc(100dvh - 2rem);
    margin: auto;
    /* Whatever it was opened from may hide meanwhile. */
    visibility: visible;
    padding: var(--space-5);
    border: 1px solid var(--border);
    border-radius: var(--radius-l);
    color: var(--text);
    background: var(--background);
    box-shadow: var(--shadow-l);
    animation: dialog-comes var(--normal);

    &::backdrop {
        background: rgb(0 0 0 / 0.4);
    }
    h2 {
        margin: 0;
        font-size: var(--text-l);
        line-height: var(--line-tight);
    }
    p {
        margin: var(--space-3) 0 0;
        font-size: 0.9375rem;
        text-wrap: pretty;
    }
    ul {
        margin: var(--space-3) 0 0;
        padding: var(--space-2) var(--space-4);
        border-radius: var(--radius-m);
        list-style: none;
        font-size: var(--text-s);
        color: var(--muted);
        background: var(--surface);
    }
    li {
        overflow: hidden;
        padding: var(--space-1) 0;
        white-space: nowrap;
        text-overflow: ellipsis;
    }
    .actions {
        display: flex;
        flex-wrap: wrap;
        justify-content: flex-end;
        gap: var(--space-2);
        margin-top: var(--space-5);
    }
    @media (max-width: 767px) {
        .actions > button {
            flex: 1 1 auto;
        }
    }
    @keyframes dialog-comes {
        from { opacity: 0; transform: translateY(6px); }
    }
"#)));

/// Props of a dialog.
#[derive(Properties, PartialEq)]
pub struct DialogProps {
    /// The question.
    pub title: AttrValue,
    /// What there is to know, and the buttons in an element of the class `actions`.
    pub children: Html,
    /// It was left without an answer.
    pub onclose: Callback<()>,
}

/// A question over the page, from when it is drawn.
#[component]
pub fn Dialog(props: &DialogProps) -> Html {
    let dialog = use_node_ref();
    use_effect_with(dialog.clone(), |dialog| {
        if let Some(dialog) = dialog.cast::<HtmlDialogElement>() {
            // One that is open already stays open.
            drop(dialog.show_modal());
        }
    });
    let oncancel = props.onclose.reform(|event: Event| event.prevent_default());
    // Escape is for the dialog alone.
    let onkeydown = Callback::from(|event: KeyboardEvent| event.stop_propagation());
    let onpointerdown = {
        let (dialog, close) = (dialog.clone(), props.onclose.clone());
        Callback::from(move |event: PointerEvent| {
            // What is around the dialog counts as the dialog itself.
            if event.target_dyn_into::<Element>().is_some_and(|target| dialog.cast() == Some(target))
                && is_outside(&dialog, &event)
            {
                close.emit(());
            }
        })
    };
    html! {
        <dialog class={SHEET.with(AttrValue::clone)} ref={dialog.clone()} aria-labelledby="dialog-title" {oncancel}
            {onkeydown} {onpointerdown}>
            <h2 id="dialog-title">{ &props.title }</h2>
            { props.children.clone() }
        </dialog>
    }
}

fn is_outside(dialog: &NodeRef, event: &PointerEvent) -> bool {
    dialog.cast::<Element>().is_some_and(|dialog| {
        let place = dialog.get_bounding_client_rect();
        let (x, y) = (f64::from(event.client_x()), f64::from(event.client_y()));
        x < place.left() || x > place.right() || y < place.top() || y > place.bottom()
    })
}
