//! The look of the page as data.

use serde::{Deserialize, Serialize};

/// Light or dark, or as the system says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Dark text on a light ground.
    Light,
    /// Light text on a dark ground.
    Dark,
    /// Whichever the device prefers, also when it changes.
    #[default]
    System,
}

/// The colours of a theme as CSS colour values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Colors {
    /// Behind the conversation.
    pub background: String,
    /// Behind sidebar, composer and cards.
    pub surface: String,
    /// A surface under the pointer, and a person's message.
    pub raised: String,
    /// Body text.
    pub text: String,
    /// Text of less weight; still AA on `background`.
    pub muted: String,
    /// Hairlines.
    pub border: String,
    /// The one accent.
    pub accent: String,
    /// Text on the accent.
    pub on_accent: String,
    /// Errors and what destroys.
    pub danger: String,
    /// What went well.
    pub success: String,
    /// Behind code.
    pub code_background: String,
}

/// How the page moves, as CSS `transition` timings. A device that asks for less motion gets none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transitions {
    /// Hover and focus.
    pub fast: String,
    /// Colours when the theme changes, messages that arrive.
    pub normal: String,
    /// Layout: the sidebar.
    pub slow: String,
}

/// A look: which mode was chosen, and what it resolves to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Theme {
    /// What was chosen.
    pub mode: Mode,
    /// The colours now.
    pub colors: Colors,
    /// The motion now.
    pub transitions: Transitions,
}
