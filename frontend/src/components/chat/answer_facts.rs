//! Below an answer: which model wrote it and how fast; opened, what was read and written for it.

use shared::Usage;
use stylist::css;
use yew::prelude::*;

use crate::components::sheet;

thread_local!(static SHEET: AttrValue = sheet(css!(r#"
    padding: 0 var(--space-2);
    font-size: var(--text-xs);
    font-variant-numeric: tabular-nums;
    color: var(--muted);
    transition: opacity var(--fast);

    &:not(details), summary {
        display: flex;
        align-items: center;
        gap: var(--space-2);
        min-height: 2rem;
    }
    summary {
        list-style: none;
        cursor: pointer;
    }
    summary::after {
        content: "";
        width: 0.3rem;
        height: 0.3rem;
        border: solid currentColor;
        border-width: 0 1.5px 1.5px 0;
        transform: translateY(-25%) rotate(45deg);
        transition: transform var(--fast);
    }
    &[open] summary::after {
        transform: translateY(25%) rotate(225deg);
    }
    summary::-webkit-details-marker {
        display: none;
    }
    summary:hover {
        color: var(--text);
    }
    ul {
        margin: 0 0 var(--space-2);
        padding: 0;
        list-style: none;
    }
    @media (pointer: coarse) {
        &:not(details), summary {
            min-height: 2.75rem;
        }
    }
"#)));

/// The facts of an answer by the model `name`; `when` is its time. Nothing where nothing is known.
pub fn answer_facts(name: Option<String>, usage: Option<Usage>, when: String, is_shy: bool) -> Html {
    let speed = usage.map(|usage| usage.tokens_per_second).filter(|speed| *speed > 0.0);
    let speed = speed.map(|speed| format!("{speed:.1} tokens/s"));
    let summary = name.into_iter().chain(speed).collect::<Vec<_>>().join(" · ");
    let class = classes!(SHEET.with(AttrValue::clone), is_shy.then_some("shy"));
    let details = usage.filter(|usage| usage.prompt_tokens > 0).map(details);
    match details {
        Some(details) if !summary.is_empty() => html! {
            <details {class}>
                <summary title={when}>{ summary }</summary>
                <ul>{ for details.into_iter().map(|detail| html! { <li>{ detail }</li> }) }</ul>
            </details>
        },
        _ => html! { <span {class} title={when}>{ summary }</span> },
    }
}

fn details(usage: Usage) -> Vec<String> {
    let Usage { prompt_tokens, cached_tokens, completion_tokens, first_token_ms, .. } = usage;
    let mut details = vec![format!("{cached_tokens} of {prompt_tokens} prompt tokens cached")];
    if completion_tokens > 0 {
        let seconds = f64::from(first_token_ms) / 1_000.0;
        details.push(format!("first token after {seconds:.2} s"));
        details.push(format!("{completion_tokens} tokens written"));
    }
    details
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_cached_is_told_with_what_it_is_a_part_of() {
        let usage = Usage {
            prompt_tokens: 1_382,
            cached_tokens: 1_360,
            completion_tokens: 40,
            first_token_ms: 213,
            ..Usage::default()
        };
        assert_eq!(
            details(usage),
            ["1360 of 1382 prompt tokens cached", "first token after 0.21 s", "40 tokens written"]
        );
        assert_eq!(details(Usage { completion_tokens: 0, ..usage }).len(), 1, "a prompt that is being read");
    }
}
