//! An answer that failed: why, with the numbers, and the ways on.

use shared::{ApiError, ContextPolicy, ErrorCode, MessageId};
use stylist::css;
use yew::prelude::*;

use super::omitted::excerpts;
use crate::components::button::{Button, Weight};
use crate::components::icon::{Glyph, icon};
use crate::components::sheet;
use crate::contexts::chat::Chat;
use crate::state::models::Models;

thread_local!(static SHEET: AttrValue = sheet(css!(r#"
    margin-top: var(--space-3);
    padding: var(--space-4);
    border: 1px solid color-mix(in srgb, var(--danger) 35%, var(--border));
    border-radius: var(--radius-l);
    background: color-mix(in srgb, var(--danger) 5%, var(--background));
    font-size: 0.9375rem;

    h3 {
        display: flex;
        align-items: center;
        gap: var(--space-2);
        margin: 0;
        font-size: 1rem;
    }
    h3 svg {
        flex: none;
        color: var(--danger);
    }
    p {
        margin: var(--space-2) 0 0;
    }
    .small {
        font-size: var(--text-xs);
        color: var(--muted);
    }
    &.choice {
        border-color: var(--border);
        background: var(--surface);
    }
    &.choice h3 svg {
        color: var(--accent);
    }
    .bar {
        display: block;
        width: 100%;
        height: 0.5rem;
        margin-top: var(--space-3);
        border-radius: var(--radius-full);
        background: var(--raised);
    }
    .bar.over {
        background: var(--danger);
    }
    .bar rect {
        fill: var(--accent);
    }
    details {
        margin-top: var(--space-3);
        font-size: var(--text-s);
        color: var(--muted);
    }
    summary {
        padding: var(--space-1) 0;
        cursor: pointer;
    }
    .actions {
        display: flex;
        flex-wrap: wrap;
        gap: var(--space-2);
        margin-top: var(--space-4);
    }
"#)));

/// A failed answer's card. `has_text`: some of the answer is there; `go_on`: it can be gone on with.
pub fn answer_error(
    chat: &Chat,
    id: MessageId,
    error: &ApiError,
    has_text: bool,
    go_on: Option<Callback<MouseEvent>>,
) -> Html {
    let is_overflow = error.code == ErrorCode::ContextLengthExceeded;
    let title = match error.code {
        ErrorCode::ContextLengthExceeded => "This conversation no longer fits the model",
        ErrorCode::ModelUnavailable | ErrorCode::UnknownModel => "The model cannot be used",
        ErrorCode::Overloaded | ErrorCode::RateLimited => "Too much at once",
        _ if has_text => "The answer broke off",
        _ => "No answer came",
    };
    html! {
        <section class={classes!(SHEET.with(AttrValue::clone), is_overflow.then_some("choice"))} aria-label={title}>
            <h3>{ icon(Glyph::Warning, 20) }{ title }</h3>
            if is_overflow {
                { overflow(chat, id, error) }
            } else {
                <p>{ sentence(&error.message) }</p>
                if matches!(error.code, ErrorCode::ModelUnavailable | ErrorCode::UnknownModel) {
                    <p>{ other_models(&chat.models.get()) }</p>
                }
                if let Some(request_id) = &error.request_id {
                    <p class="small">{ format!("For whoever runs this server: the log has the cause under {request_id}.") }</p>
                }
                <div class="actions">
                    if let Some(onclick) = go_on {
                        <Button weight={Weight::Primary} {onclick}>{ "Continue" }</Button>
                    }
                    <Button onclick={regenerate(chat, id, ContextPolicy::Refuse)}>{ "Try again" }</Button>
                </div>
            }
        </section>
    }
}

/// The way on where a model cannot be used.
fn other_models(models: &Models) -> &'static str {
    if models.any_is_usable() {
        "Another model can answer: choose it at the top of the page, then try again."
    } else {
        "No other model can be used either. Whoever runs this server can change that."
    }
}

/// What an engine says may begin in the middle of a line of its log.
pub(super) fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

fn regenerate(chat: &Chat, id: MessageId, policy: ContextPolicy) -> Callback<MouseEvent> {
    let chat = chat.clone();
    Callback::from(move |_| chat.regenerate(id, policy))
}

/// Both numbers, and both ways on: without the oldest turns, or on a new branch without any of them.
fn overflow(chat: &Chat, id: MessageId, error: &ApiError) -> Html {
    let omit = error.context.as_ref().map(|context| context.omit_message_ids.clone()).unwrap_or_default();
    let numbers = error.context.as_ref().map(|context| {
        let (prompt, room) = (context.prompt_tokens, context.context_tokens);
        let (fits, whole) = (prompt.min(room), prompt.max(room).max(1));
        let share = format!("{:.1}%", f64::from(fits) / f64::from(whole) * 100.0);
        let too_long = (prompt > room).then_some("over");
        html! {
            <>
                <p>
                    { "It has " }<strong>{ format!("{} tokens", grouped(prompt)) }</strong>
                    { "; the model reads " }<strong>{ grouped(room) }</strong>
                    { " at once, its answer included. Nothing was left out in silence: choose how to go on." }
                </p>
                <svg class={classes!("bar", too_long)} aria-hidden="true"><rect width={share} height="100%" /></svg>
            </>
        }
    });
    let go_on = regenerate(chat, id, ContextPolicy::OmitOldest);
    let branch = {
        let chat = chat.clone();
        Callback::from(move |_: MouseEvent| chat.ask_from_start(id))
    };
    let oldest = match omit.len() {
        1 => "Go on without the oldest message".to_owned(),
        count => format!("Go on without the oldest {count} messages"),
    };
    html! {
        <>
            { numbers.unwrap_or_else(|| html! { <p>{ &error.message }</p> }) }
            if omit.is_empty() {
                <p>{ "Your last message alone is too long for this model. Shorten it, or choose a model that reads more." }</p>
            } else {
                <div class="actions">
                    <Button weight={Weight::Primary} onclick={go_on}>{ oldest }</Button>
                    <Button onclick={branch}>
                        { icon(Glyph::Branch, 18) }{ "Ask again on a new branch" }
                    </Button>
                </div>
                <details>
                    <summary>{ "Which messages are these? They stay in the conversation; the model just does not read them." }</summary>
                    { excerpts(chat, &omit) }
                </details>
            }
        </>
    }
}

/// 12345 as 12,345.
fn grouped(number: u32) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_engine_says_begins_as_a_sentence() {
        assert_eq!(sentence("this model needs 912 MB."), "This model needs 912 MB.");
        assert_eq!(sentence(""), "");
    }

    #[test]
    fn long_numbers_are_grouped() {
        assert_eq!(grouped(7), "7");
        assert_eq!(grouped(512), "512");
        assert_eq!(grouped(4_096), "4,096");
        assert_eq!(grouped(1_234_567), "1,234,567");
    }
}
