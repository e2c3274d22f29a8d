//! A place that has nothing to show: says why, and what to do.

use stylist::css;
use yew::prelude::*;

use crate::components::sheet;

thread_local!(static SHEET: AttrValue = sheet(css!(r#"
    display: grid;
    place-content: center;
    justify-items: center;
    gap: var(--space-3);
    flex: 1;
    min-height: 100%;
    padding: var(--space-6) var(--space-5);
    text-align: center;

    h1 {
        margin: 0;
        font-size: var(--text-xl);
        line-height: var(--line-tight);
        text-wrap: balance;
    }
    p {
        max-width: 26rem;
        margin: 0;
        color: var(--muted);
        text-wrap: pretty;
    }
    .actions {
        display: flex;
        flex-wrap: wrap;
        justify-content: center;
        gap: var(--space-2);
        margin-top: var(--space-3);
    }
"#)));

/// Props of a notice.
#[derive(Properties, PartialEq)]
pub struct NoticeProps {
    /// What is the matter.
    pub title: AttrValue,
    /// What to do about it.
    pub text: AttrValue,
    /// Buttons.
    #[prop_or_default]
    pub children: Html,
}

/// Says why there is nothing, and what to do.
#[component]
pub fn Notice(props: &NoticeProps) -> Html {
    html! {
        <div class={SHEET.with(AttrValue::clone)} role="alert">
            <h1>{ &props.title }</h1>
            <p>{ &props.text }</p>
            <div class="actions">{ props.children.clone() }</div>
        </div>
    }
}
