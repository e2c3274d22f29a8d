//! How full the model's context is: a ring, with the numbers for whoever asks.

use stylist::css;
use yew::prelude::*;

use crate::components::sheet;
use crate::hooks::{use_chat, use_live, use_selected};
use crate::state::conversation::Conversation;

thread_local!(static SHEET: AttrValue = sheet(css!(r#"
    display: inline-flex;
    align-items: center;
    gap: var(--space-2);
    padding: 0 var(--space-2);
    font-size: var(--text-xs);
    font-variant-numeric: tabular-nums;
    color: var(--muted);
    white-space: nowrap;
    cursor: default;

    .track {
        stroke: var(--border);
    }
    .used {
        stroke: var(--accent);
        transition: stroke-dasharray var(--normal);
    }
    &.full .used {
        stroke: var(--danger);
    }
    @media (max-width: 767px) {
        span {
            display: none;
        }
    }
"#)));

/// Over this share the ring warns.
const NEARLY_FULL: f32 = 0.85;

/// The context of the open conversation; nothing before the first answer.
#[component]
pub fn ContextMeter() -> Html {
    let chat = use_chat();
    let known = use_selected(&chat.open, Conversation::context);
    let running = use_selected(&chat.open, Conversation::running);
    let live = use_live(running)
        .and_then(|view| view.usage)
        .filter(|usage| usage.context_tokens > 0)
        .map(|usage| (usage.prompt_tokens.saturating_add(usage.completion_tokens), usage.context_tokens));
    let Some((used, room)) = live.or(known) else { return Html::default() };
    #[allow(clippy::cast_precision_loss, reason = "a share for the eye")]
    let share = (used as f32 / room as f32).min(1.0);
    let words = format!("{used} of {room} tokens of the context are used");
    html! {
        <span class={classes!(SHEET.with(AttrValue::clone), (share > NEARLY_FULL).then_some("full"))} role="img"
            aria-label={words.clone()} title={words}>
            <svg width="18" height="18" viewBox="0 0 20 20" fill="none" stroke-width="2.5" aria-hidden="true">
                <circle class="track" cx="10" cy="10" r="7.5" />
                <circle class="used" cx="10" cy="10" r="7.5" pathLength="100" stroke-linecap="round"
                    transform="rotate(-90 10 10)" stroke-dasharray={format!("{:.0} 100", (share * 100.0).max(1.0))} />
            </svg>
            <span aria-hidden="true">{ percent(share) }</span>
        </span>
    }
}

/// A context that is used at all never shows as empty.
fn percent(share: f32) -> String {
    if share < 0.01 { "< 1 %".to_owned() } else { format!("{:.0} %", share * 100.0) }
}
