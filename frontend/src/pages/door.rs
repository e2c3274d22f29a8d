//! The frame of the pages before anybody is signed in.

use stylist::css;
use yew::prelude::*;

use crate::components::brand::brand;
use crate::components::sheet;

thread_local!(static SHEET: AttrValue = sheet(css!(r#"
    display: grid;
    place-items: center;
    min-height: 100dvh;
    padding: max(var(--space-5), env(safe-area-inset-top, 0px)) var(--space-4) var(--space-6);
    color: var(--text);
    background: var(--background);

    main {
        width: 100%;
        max-width: 23.5rem;
        animation: door-opens var(--slow);
    }
    .brand {
        display: flex;
        align-items: center;
        gap: var(--space-2);
        margin-bottom: var(--space-5);
        font-size: var(--text-l);
        font-weight: 650;
        letter-spacing: -0.01em;
    }
    h1 {
        margin: 0;
        font-size: var(--text-2xl);
        font-weight: 650;
        letter-spacing: -0.02em;
        line-height: var(--line-tight);
        text-wrap: balance;
    }
    .lead {
        margin: var(--space-2) 0 0;
        color: var(--muted);
        text-wrap: pretty;
    }
    form {
        display: grid;
        gap: var(--space-4);
        margin-top: var(--space-5);
    }
    .actions {
        display: flex;
        align-items: center;
        gap: var(--space-4);
        margin-top: var(--space-5);
        font-size: var(--text-s);
        color: var(--muted);
    }
    .alert {
        margin: 0;
        padding: var(--space-3) var(--space-4);
        border-radius: var(--radius-m);
        font-size: 0.9375rem;
        background: color-mix(in srgb, var(--danger) 10%, var(--background));
    }
    .other {
        margin: var(--space-5) 0 0;
        font-size: 0.9375rem;
        color: var(--muted);
    }
    .other a {
        color: var(--accent);
        font-weight: 550;
    }
    @keyframes door-opens {
        from { opacity: 0; transform: translateY(8px); }
    }
"#)));

/// Props of the frame.
#[derive(Properties, PartialEq)]
pub struct DoorProps {
    /// What the page is for.
    pub title: AttrValue,
    /// One sentence more.
    #[prop_or_default]
    pub lead: Option<AttrValue>,
    /// The form.
    #[prop_or_default]
    pub children: Html,
}

/// The frame of the pages before anybody is signed in.
#[component]
pub fn Door(props: &DoorProps) -> Html {
    html! {
        <div class={SHEET.with(AttrValue::clone)}>
            <main>
                <div class="brand">{ brand(28) }{ "Oriel" }</div>
                <h1>{ &props.title }</h1>
                if let Some(lead) = &props.lead {
                    <p class="lead">{ lead }</p>
                }
                { props.children.clone() }
            </main>
        </div>
    }
}
