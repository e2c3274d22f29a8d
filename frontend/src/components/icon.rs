//! The icons: strokes on a grid of 24, drawn in the colour of the text.

use yew::prelude::*;

/// One icon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Glyph {
    /// A new conversation.
    Compose,
    /// Shows and hides the sidebar.
    Sidebar,
    /// Send.
    ArrowUp,
    /// Go to the end.
    ArrowDown,
    /// Stop.
    Stop,
    /// Copy.
    Copy,
    /// Done.
    Check,
    /// Again.
    Again,
    /// Change.
    Pencil,
    /// Delete.
    Bin,
    /// More.
    Dots,
    /// The sibling before.
    Left,
    /// The sibling after.
    Right,
    /// Opens a list.
    Down,
    /// Close.
    Cross,
    /// Light theme.
    Sun,
    /// Dark theme.
    Moon,
    /// The device's theme.
    Screen,
    /// API keys.
    Key,
    /// Sign out.
    Leave,
    /// Something is wrong.
    Warning,
    /// No line.
    Offline,
    /// A branch.
    Branch,
    /// Waits.
    Clock,
}

impl Glyph {
    fn path(self) -> &'static str {
        match self {
            Self::Compose => {
                "M12 5H7a3 3 0 0 0-3 3v9a3 3 0 0 0 3 3h9a3 3 0 0 0 3-3v-5M9.5 14.5l.6-2.8 8-8a1.6 1.6 0 0 1 2.2 2.2l-8 8z"
            }
            Self::Sidebar => {
                "M7 4.5h10a3 3 0 0 1 3 3v9a3 3 0 0 1-3 3H7a3 3 0 0 1-3-3v-9a3 3 0 0 1 3-3zM9.5 4.5v15"
            }
            Self::ArrowUp => "M12 19V5.5M6 11l6-6 6 6",
            Self::ArrowDown => "M12 5v13.5M6 13l6 6 6-6",
            Self::Stop => "M8 7h8a1 1 0 0 1 1 1v8a1 1 0 0 1-1 1H8a1 1 0 0 1-1-1V8a1 1 0 0 1 1-1z",
            Self::Copy => {
                "M9 8.5h8a2 2 0 0 1 2 2v8a2 2 0 0 1-2 2H9a2 2 0 0 1-2-2v-8a2 2 0 0 1 2-2zM4.5 15V6a2.5 2.5 0 0 1 2.5-2.5h8"
            }
            Self::Check => "M5 12.5l4.5 4.5L19 7.5",
            Self::Again => "M19 12a7 7 0 1 1-2.2-5.1M19.5 3.5v4h-4",
            Self::Pencil => "M4.5 19.5l1-4.3L16 4.7a2.1 2.1 0 0 1 3 3L8.6 18.3zM14 7l3 3",
            Self::Bin => {
                "M4.5 7h15M9 7V4.5h6V7M6.5 7l.8 11a2 2 0 0 0 2 1.8h5.4a2 2 0 0 0 2-1.8l.8-11M10 11v5M14 11v5"
            }
            Self::Dots => "M5.5 12h.01M12 12h.01M18.5 12h.01",
            Self::Left => "M14.5 6l-6 6 6 6",
            Self::Right => "M9.5 6l6 6-6 6",
            Self::Down => "M6.5 9.5l5.5 5.5 5.5-5.5",
            Self::Cross => "M6.5 6.5l11 11M17.5 6.5l-11 11",
            Self::Sun => {
                "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 3v1.5M12 19.5V21M3 12h1.5M19.5 12H21M5.6 5.6l1.1 1.1M17.3 17.3l1.1 1.1M5.6 18.4l1.1-1.1M17.3 6.7l1.1-1.1"
            }
            Self::Moon => "M19.5 14.2A8 8 0 0 1 9.8 4.5a8 8 0 1 0 9.7 9.7z",
            Self::Screen => {
                "M5.5 5h13a1.5 1.5 0 0 1 1.5 1.5v8a1.5 1.5 0 0 1-1.5 1.5h-13A1.5 1.5 0 0 1 4 14.5v-8A1.5 1.5 0 0 1 5.5 5zM9 19.5h6M12 16v3.5"
            }
            Self::Key => {
                "M8 11.5a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM11 12.7L19.5 4.2M16 7.7l2.8 2.8M13.5 10.2l1.8 1.8"
            }
            Self::Leave => "M14 4.5H7.5a2 2 0 0 0-2 2v11a2 2 0 0 0 2 2H14M10.5 12H20M16.5 8.5L20 12l-3.5 3.5",
            Self::Warning => "M12 4.5l8.5 14.5h-17zM12 10v4M12 16.5h.01",
            Self::Offline => {
                "M4 4l16 16M8.5 15.5a5 5 0 0 1 5.5-1M5.5 12a9 9 0 0 1 4-2.3M14 9.5a9 9 0 0 1 4.5 2.5M2.5 8.7A13 13 0 0 1 7 6M11 5.1a13 13 0 0 1 10.5 3.6M12 19h.01"
            }
            Self::Branch => "M7 4v16M7 15c6 0 10-1 10-6.5M14 10.5l3-3 3 3",
            Self::Clock => "M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16zM12 8v4.5l3 1.8",
        }
    }
}

/// Draws an icon of `size` pixels. It says nothing to a screen reader: its button does.
pub fn icon(glyph: Glyph, size: u32) -> Html {
    let size = size.to_string();
    html! {
        <svg width={size.clone()} height={size} viewBox="0 0 24 24" fill="none" stroke="currentColor"
            stroke-width={if glyph == Glyph::Dots { "2.75" } else { "1.75" }} stroke-linecap="round"
            stroke-linejoin="round" aria-hidden="true" focusable="false">
            <path d={glyph.path()} />
        </svg>
    }
}
