//! The colours and the motion of both themes.

use std::fmt::Write;

use shared::theme::{Colors, Transitions};

/// The colours of code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Syntax {
    /// Comments.
    pub comment: &'static str,
    /// Strings.
    pub string: &'static str,
    /// Numbers and constants.
    pub number: &'static str,
    /// Words of the language.
    pub keyword: &'static str,
    /// Types.
    pub type_name: &'static str,
    /// Functions.
    pub function: &'static str,
    /// Keys and properties.
    pub property: &'static str,
    /// Annotations and elements.
    pub tag: &'static str,
}

/// The colours of the light theme or the dark one: one warm grey, one accent.
pub fn colors(dark: bool) -> Colors {
    let [
        background,
        surface,
        raised,
        text,
        muted,
        border,
        accent,
        on_accent,
        danger,
        success,
        code_background,
    ] = if dark { DARK } else { LIGHT }.map(str::to_owned);
    Colors {
        background,
        surface,
        raised,
        text,
        muted,
        border,
        accent,
        on_accent,
        danger,
        success,
        code_background,
    }
}

const LIGHT: [&str; 11] = [
    "#fdfcfa", "#f6f4f0", "#edeae4", "#1f1d1a", "#68635b", "#e1dcd3", "#3a5fcd", "#ffffff", "#b3261e",
    "#21703f", "#f6f4f0",
];

const DARK: [&str; 11] = [
    "#1b1a18", "#141311", "#2b2926", "#ece8e1", "#a8a297", "#38352f", "#93aef8", "#14182b", "#f2938a",
    "#7fcb98", "#131210",
];

/// The colours of code on the theme's code background.
pub fn syntax(dark: bool) -> Syntax {
    if dark {
        Syntax {
            comment: "#9a9488",
            string: "#a5cf9c",
            number: "#e9b787",
            keyword: "#c3a6f0",
            type_name: "#7fcdc8",
            function: "#9dbaf9",
            property: "#8ecbe8",
            tag: "#eaa3c9",
        }
    } else {
        Syntax {
            comment: "#6c675f",
            string: "#2f6b2a",
            number: "#96500d",
            keyword: "#7637b8",
            type_name: "#0f6a66",
            function: "#2c54bd",
            property: "#126289",
            tag: "#94316a",
        }
    }
}

/// The motion of the page: quiet, and none where the device asks for none.
pub fn transitions(reduced: bool) -> Transitions {
    let timing = |duration_ms: u32| match reduced {
        true => "0ms".to_owned(),
        false => format!("{duration_ms}ms cubic-bezier(0.2, 0, 0, 1)"),
    };
    Transitions { fast: timing(120), normal: timing(220), slow: timing(320) }
}

/// The tokens as CSS variables: light on `:root`, dark under `data-theme`, no motion where none is wanted.
pub(super) fn sheet() -> String {
    let mut css = String::new();
    rule(&mut css, ":root", &color_variables(false), "light");
    rule(&mut css, ":root[data-theme=\"dark\"]", &color_variables(true), "dark");
    let motion = declarations(&motion_variables(false));
    let stillness = declarations(&motion_variables(true));
    let written =
        write!(css, ":root{{{motion}}}@media (prefers-reduced-motion: reduce){{:root{{{stillness}}}}}");
    debug_assert!(written.is_ok(), "writing to a string cannot fail");
    css
}

fn rule(css: &mut String, selector: &str, variables: &[(&str, String)], scheme: &str) {
    css.push_str(&[selector, "{color-scheme:", scheme, ";", &declarations(variables), "}"].concat());
}

fn declarations(variables: &[(&str, String)]) -> String {
    variables.iter().map(|(name, value)| format!("--{name}:{value};")).collect()
}

fn color_variables(dark: bool) -> Vec<(&'static str, String)> {
    let colors = colors(dark);
    let syntax = syntax(dark);
    vec![
        ("background", colors.background),
        ("surface", colors.surface),
        ("raised", colors.raised),
        ("text", colors.text),
        ("muted", colors.muted),
        ("border", colors.border),
        ("focus", colors.accent.clone()),
        ("accent", colors.accent),
        ("on-accent", colors.on_accent),
        ("danger", colors.danger),
        ("success", colors.success),
        ("code-background", colors.code_background),
        ("code-comment", syntax.comment.to_owned()),
        ("code-string", syntax.string.to_owned()),
        ("code-number", syntax.number.to_owned()),
        ("code-keyword", syntax.keyword.to_owned()),
        ("code-type", syntax.type_name.to_owned()),
        ("code-function", syntax.function.to_owned()),
        ("code-property", syntax.property.to_owned()),
        ("code-tag", syntax.tag.to_owned()),
    ]
}

fn motion_variables(reduced: bool) -> Vec<(&'static str, String)> {
    let transitions = transitions(reduced);
    vec![("fast", transitions.fast), ("normal", transitions.normal), ("slow", transitions.slow)]
}
