//! The button that copies, and says so.

use gloo_timers::callback::Timeout;
use wasm_bindgen_futures::spawn_local;
use yew::prelude::*;

use crate::platform::clipboard;

/// How long "Copied" stands: long enough to be seen on the way back to the keyboard.
const FEEDBACK_MS: u32 = 2_000;

#[derive(Clone, PartialEq, Properties)]
pub(super) struct CopyButtonProps {
    pub(super) text: AttrValue,
}

#[derive(Clone, Copy, PartialEq)]
enum Feedback {
    None,
    Copied,
    Failed,
}

/// Copies `text` without its last line end, so that a shell does not run it on pasting.
#[component]
pub(super) fn CopyButton(props: &CopyButtonProps) -> Html {
    let feedback = use_state_eq(|| Feedback::None);
    use_effect_with(*feedback, {
        let feedback = feedback.clone();
        move |now| {
            let timeout = (*now != Feedback::None)
                .then(|| Timeout::new(FEEDBACK_MS, move || feedback.set(Feedback::None)));
            move || drop(timeout)
        }
    });
    let onclick = {
        let text = props.text.clone();
        let feedback = feedback.clone();
        Callback::from(move |_: MouseEvent| {
            let text = text.clone();
            let feedback = feedback.clone();
            spawn_local(async move {
                let text = text.strip_suffix('\n').unwrap_or(&text);
                let copied = clipboard::copy(text).await.is_ok();
                feedback.set(if copied { Feedback::Copied } else { Feedback::Failed });
            });
        })
    };
    let copied = *feedback == Feedback::Copied;
    let status = match *feedback {
        Feedback::None => "",
        Feedback::Copied => "Copied",
        Feedback::Failed => "Not copied. Select the code and press Ctrl+C.",
    };
    let icon = if copied { "m4 10.5 4 4 8-9" } else { "M7.5 7.5h9v9h-9zM12.5 7.5v-4h-9v9h4" };
    html! {
        <>
            <button
                type="button"
                class={classes!("copy", copied.then_some("copied"))}
                aria-label="Copy code"
                {onclick}
            >
                <svg viewBox="0 0 20 20" aria-hidden="true"><path d={icon} /></svg>
                { if copied { "Copied" } else { "Copy" } }
            </button>
            <span role="status" class={classes!((*feedback != Feedback::Failed).then_some("visually-hidden"))}>
                { status }
            </span>
        </>
    }
}
