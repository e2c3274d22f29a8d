//! Buttons: with words, or with an icon and a name for those who do not see it.

use stylist::css;
use yew::prelude::*;

use super::icon::{Glyph, icon};
use super::sheet;

thread_local!(static BUTTON: AttrValue = sheet(css!(r#"
    display: inline-flex;
    align-items: center;
    justify-content: center;
    gap: var(--space-2);
    min-height: 2.5rem;
    padding: 0 var(--space-4);
    border: 1px solid transparent;
    border-radius: var(--radius-m);
    font: inherit;
    font-size: 0.9375rem;
    font-weight: 550;
    line-height: 1.2;
    color: var(--text);
    background: transparent;
    cursor: pointer;
    transition: background-color var(--fast), border-color var(--fast), color var(--fast), opacity var(--fast);

    &.primary {
        color: var(--on-accent);
        background: var(--accent);
    }
    &.primary:hover:not(:disabled) {
        background: color-mix(in srgb, var(--accent) 88%, var(--text));
    }
    &.plain {
        border-color: var(--border);
    }
    &.plain:hover:not(:disabled), &.quiet:hover:not(:disabled) {
        background: var(--raised);
    }
    &.wide {
        width: 100%;
    }
    &:disabled {
        opacity: 0.55;
        cursor: default;
    }
    @media (pointer: coarse) {
        min-height: 2.75rem;
    }
"#)));

thread_local!(static ICON_BUTTON: AttrValue = sheet(css!(r#"
    display: inline-grid;
    place-items: center;
    width: 2.25rem;
    height: 2.25rem;
    padding: 0;
    border: 0;
    border-radius: var(--radius-m);
    color: var(--muted);
    background: transparent;
    cursor: pointer;
    transition: background-color var(--fast), color var(--fast), opacity var(--fast);

    &.small {
        width: 2rem;
        height: 2rem;
        border-radius: var(--radius-s);
    }
    &:hover:not(:disabled), &[aria-expanded="true"] {
        color: var(--text);
        background: var(--raised);
    }
    &:disabled {
        opacity: 0.35;
        cursor: default;
    }
    @media (pointer: coarse) {
        width: 2.75rem;
        height: 2.75rem;
        &.small {
            width: 2.75rem;
            height: 2.75rem;
        }
    }
"#)));

/// How much a button asks for attention.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Weight {
    /// The one thing to do here.
    Primary,
    /// One of several things to do.
    #[default]
    Plain,
    /// Text that can be pressed.
    Quiet,
}

/// Props of a button with words.
#[derive(Properties, PartialEq)]
pub struct ButtonProps {
    /// The words.
    pub children: Html,
    /// How much it asks for attention.
    #[prop_or_default]
    pub weight: Weight,
    /// As wide as its place.
    #[prop_or_default]
    pub wide: bool,
    /// Sends the form it is in.
    #[prop_or_default]
    pub submits: bool,
    /// Cannot be pressed now.
    #[prop_or_default]
    pub disabled: bool,
    /// Pressed.
    #[prop_or_default]
    pub onclick: Callback<MouseEvent>,
}

/// A button with words.
#[component]
pub fn Button(props: &ButtonProps) -> Html {
    let weight = match props.weight {
        Weight::Primary => "primary",
        Weight::Plain => "plain",
        Weight::Quiet => "quiet",
    };
    html! {
        <button type={if props.submits { "submit" } else { "button" }}
            class={classes!(BUTTON.with(AttrValue::clone), weight, props.wide.then_some("wide"))}
            disabled={props.disabled} onclick={props.onclick.clone()}>
            { props.children.clone() }
        </button>
    }
}

/// Props of a button with an icon.
#[derive(Properties, PartialEq)]
pub struct IconButtonProps {
    /// The icon.
    pub glyph: Glyph,
    /// What it does, in words.
    pub label: AttrValue,
    /// Of less size, beside text.
    #[prop_or_default]
    pub small: bool,
    /// Cannot be pressed now.
    #[prop_or_default]
    pub disabled: bool,
    /// Whether what it opens is open, for a button that opens something.
    #[prop_or_default]
    pub expanded: Option<bool>,
    /// More classes.
    #[prop_or_default]
    pub class: Classes,
    /// Pressed.
    #[prop_or_default]
    pub onclick: Callback<MouseEvent>,
}

/// A button with an icon.
#[component]
pub fn IconButton(props: &IconButtonProps) -> Html {
    let class =
        classes!(ICON_BUTTON.with(AttrValue::clone), props.small.then_some("small"), props.class.clone());
    html! {
        <button type="button" {class} title={props.label.clone()} aria-label={props.label.clone()}
            aria-expanded={props.expanded.map(|expanded| if expanded { "true" } else { "false" })}
            disabled={props.disabled} onclick={props.onclick.clone()}>
            { icon(props.glyph, if props.small { 18 } else { 20 }) }
        </button>
    }
}
