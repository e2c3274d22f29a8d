//! Which model answers: its name in the bar, and a list of all of them with their states.

use shared::{LoadStage, Model, ModelState};
use stylist::css;
use yew::prelude::*;

use super::answer_error::sentence;
use crate::components::icon::{Glyph, icon};
use crate::components::menu::{move_focus, use_popup};
use crate::components::sheet;
use crate::hooks::{use_chat, use_selected, use_store};
use crate::state::conversation::Conversation;

thread_local!(static SHEET: AttrValue = sheet(css!(r#"
    position: relative;
    min-width: 0;

    .button {
        display: inline-flex;
        align-items: center;
        gap: var(--space-2);
        max-width: 100%;
        min-height: 2.25rem;
        padding: 0 var(--space-2) 0 var(--space-3);
        border: 0;
        border-radius: var(--radius-m);
        font: inherit;
        font-size: 0.9375rem;
        font-weight: 550;
        color: var(--text);
        background: transparent;
        cursor: pointer;
        transition: background-color var(--fast);
    }
    .button:hover, .button[aria-expanded="true"] {
        background: var(--raised);
    }
    .button > span:not(.state) {
        overflow: hidden;
        white-space: nowrap;
        text-overflow: ellipsis;
    }
    .button svg {
        flex: none;
        color: var(--muted);
    }
    .list {
        position: absolute;
        z-index: var(--layer-overlay);
        left: 0;
        top: calc(100% + 4px);
        width: min(23rem, calc(100vw - 2rem));
        max-height: min(26rem, 70vh);
        overflow-y: auto;
        padding: var(--space-1);
        border: 1px solid var(--border);
        border-radius: var(--radius-l);
        background: var(--background);
        box-shadow: var(--shadow-m);
        animation: picker-opens var(--fast);
    }
    .list button {
        display: grid;
        grid-template-columns: 1fr auto;
        align-items: center;
        gap: 0 var(--space-3);
        width: 100%;
        padding: var(--space-2) var(--space-3);
        border: 0;
        border-radius: var(--radius-m);
        font: inherit;
        text-align: left;
        color: var(--text);
        background: transparent;
        cursor: pointer;
    }
    .list button:hover:not(:disabled), .list button:focus-visible {
        background: var(--raised);
    }
    .list button:disabled {
        cursor: default;
    }
    .list button:disabled .name {
        color: var(--muted);
    }
    .name {
        font-size: 0.9375rem;
        font-weight: 550;
        overflow-wrap: anywhere;
    }
    .facts {
        grid-column: 1;
        font-size: var(--text-xs);
        color: var(--muted);
    }
    .facts.wrong {
        color: var(--danger);
    }
    .tick {
        grid-row: 1 / span 2;
        grid-column: 2;
        color: var(--accent);
    }
    .state {
        flex: none;
        width: 7px;
        height: 7px;
        border-radius: 50%;
        background: var(--border);
    }
    .state.ready {
        background: var(--success);
    }
    .state.loading {
        background: var(--accent);
        animation: picker-loads 0.9s ease-in-out infinite alternate;
    }
    .state.failed {
        background: var(--danger);
    }
    .none {
        margin: 0;
        padding: var(--space-3);
        font-size: var(--text-s);
        color: var(--muted);
    }
    @media (max-width: 767px) {
        .list {
            position: fixed;
            left: var(--space-3);
            right: var(--space-3);
            top: calc(3.5rem + env(safe-area-inset-top, 0px));
            width: auto;
        }
    }
    @media (pointer: coarse) {
        .button {
            min-height: 2.75rem;
        }
    }
    @keyframes picker-opens {
        from { opacity: 0; transform: translateY(-4px); }
    }
    @keyframes picker-loads {
        to { opacity: 0.3; }
    }
"#)));

/// Chooses the model.
#[component]
pub fn ModelPicker() -> Html {
    let chat = use_chat();
    let models = use_store(&chat.models);
    let of_conversation = use_selected(&chat.open, |open: &Conversation| open.model.clone());
    let root = use_node_ref();
    let open = use_popup(&root);
    let Some(items) = &models.items else { return Html::default() };
    let current = models.current(of_conversation.as_deref());
    let toggle = {
        let open = open.clone();
        Callback::from(move |_: MouseEvent| open.set(!*open))
    };
    let onkeydown = {
        let root = root.clone();
        Callback::from(move |event: KeyboardEvent| move_focus(&root, &event))
    };
    let (name, state) = current.map_or(("No model", None), |model| (model.name.as_str(), Some(&model.state)));
    html! {
        <div class={SHEET.with(AttrValue::clone)} ref={root}>
            <button type="button" class="button" onclick={toggle} aria-haspopup="listbox"
                aria-expanded={if *open { "true" } else { "false" }} aria-label={format!("Model: {name}")}>
                { state.map(dot) }
                <span>{ name }</span>
                { icon(Glyph::Down, 16) }
            </button>
            if *open {
                <div class="list" role="listbox" aria-label="Models" {onkeydown}>
                    if items.is_empty() {
                        <p class="none">{ "The server found no model. Put a GGUF file where MODEL_PATH points and start it again." }</p>
                    }
                    { for items.iter().map(|model| {
                        let (chat, open, id) = (chat.clone(), open.setter(), model.id.clone());
                        let choose = Callback::from(move |()| {
                            chat.choose_model(id.clone());
                            open.set(false);
                        });
                        row(model, current.is_some_and(|current| current.id == model.id), choose)
                    }) }
                </div>
            }
        </div>
    }
}

fn row(model: &Model, is_current: bool, choose: Callback<()>) -> Html {
    let failed = matches!(model.state, ModelState::Failed { .. });
    html! {
        <button type="button" role="option" aria-selected={if is_current { "true" } else { "false" }}
            disabled={failed} onclick={choose.reform(|_: MouseEvent| ())} key={model.id.clone()}>
            <span class="name">{ &model.name }</span>
            if is_current {
                <span class="tick">{ icon(Glyph::Check, 18) }</span>
            }
            <span class={classes!("facts", failed.then_some("wrong"))}>{ facts(model) }</span>
        </button>
    }
}

fn dot(state: &ModelState) -> Html {
    let (class, words) = match state {
        ModelState::Unloaded => ("", "not loaded"),
        ModelState::Loading { .. } => ("loading", "loading"),
        ModelState::Ready | ModelState::Draining => ("ready", "loaded"),
        ModelState::Failed { .. } => ("failed", "cannot be used"),
    };
    html! { <span class={classes!("state", class)} title={words}></span> }
}

fn facts(model: &Model) -> String {
    let state = match &model.state {
        ModelState::Unloaded => "loads with the first message".to_owned(),
        ModelState::Loading { stage, fraction } => match stage {
            LoadStage::Opening => "being opened".to_owned(),
            LoadStage::Weights => format!("loading {:.0} %", fraction * 100.0),
            LoadStage::Warming => "warming up".to_owned(),
            LoadStage::Tuning => format!("being tried out {:.0} %", fraction * 100.0),
        },
        ModelState::Ready => "ready".to_owned(),
        ModelState::Draining => "being unloaded".to_owned(),
        ModelState::Failed { message } => return sentence(message),
    };
    let context = model.context_tokens.map(|tokens| format!("reads {tokens} tokens"));
    [Some(size(model.size_bytes)), context, Some(state)].into_iter().flatten().collect::<Vec<_>>().join(" · ")
}

fn size(bytes: u64) -> String {
    #[allow(clippy::cast_precision_loss, reason = "one digit after the point")]
    let mega = bytes as f64 / 1e6;
    if mega < 1000.0 { format!("{mega:.0} MB") } else { format!("{:.1} GB", mega / 1000.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_told_as_people_say_them() {
        assert_eq!(size(91_700_000), "92 MB");
        assert_eq!(size(4_370_000_000), "4.4 GB");
    }
}
