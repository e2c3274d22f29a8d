//! An empty conversation: a greeting, and a few ways to begin.

use stylist::css;
use yew::prelude::*;

use crate::components::sheet;
use crate::platform::time;

thread_local!(static GREETING: AttrValue = sheet(css!(r#"
    margin: 0;
    padding: 0 var(--space-5) var(--space-5);
    font-size: clamp(1.5rem, 1.1rem + 1.6vw, 2rem);
    font-weight: 600;
    letter-spacing: -0.02em;
    line-height: var(--line-tight);
    text-align: center;
    text-wrap: balance;
    animation: greeting-comes var(--slow);

    @keyframes greeting-comes {
        from { opacity: 0; transform: translateY(6px); }
    }
"#)));

thread_local!(static SUGGESTIONS: AttrValue = sheet(css!(r#"
    display: flex;
    flex-wrap: wrap;
    justify-content: center;
    gap: var(--space-2);
    width: 100%;
    max-width: var(--measure);
    margin: 0 auto;
    padding: var(--space-3) var(--space-5);

    button {
        min-height: 2.25rem;
        padding: var(--space-1) var(--space-4);
        border: 1px solid var(--border);
        border-radius: var(--radius-full);
        font: inherit;
        font-size: var(--text-s);
        color: var(--muted);
        background: transparent;
        cursor: pointer;
        transition: color var(--fast), background-color var(--fast), border-color var(--fast);
    }
    button:hover {
        color: var(--text);
        background: var(--surface);
    }
    @media (pointer: coarse) {
        button {
            min-height: 2.75rem;
        }
    }
"#)));

/// Beginnings: what is on the button, and what goes into the composer.
const SUGGESTIONS_LIST: [(&str, &str); 4] = [
    ("Explain something", "Explain in simple words how "),
    ("Write a function", "Write a function that "),
    ("Improve a text", "Make this text clearer, and tell me what you changed:\n\n"),
    ("Find ideas", "Give me ten ideas for "),
];

/// The greeting of somebody called `name`.
pub fn greeting(name: &str) -> Html {
    let hello = match time::now().to_offset(time::offset()).hour() {
        5..=11 => "Good morning",
        12..=17 => "Good afternoon",
        _ => "Good evening",
    };
    let words = match name.split_whitespace().next() {
        Some(first) => format!("{hello}, {first}."),
        None => format!("{hello}."),
    };
    html! { <h1 class={GREETING.with(AttrValue::clone)}>{ words }</h1> }
}

/// A few ways to begin. `choose` is given the text that begins the message.
pub fn suggestions(choose: &Callback<&'static str>) -> Html {
    html! {
        <div class={SUGGESTIONS.with(AttrValue::clone)} role="group" aria-label="Ways to begin">
            { for SUGGESTIONS_LIST.iter().map(|(label, text)| {
                let onclick = choose.reform(move |_: MouseEvent| *text);
                html! { <button type="button" key={*label} {onclick}>{ *label }</button> }
            }) }
        </div>
    }
}
