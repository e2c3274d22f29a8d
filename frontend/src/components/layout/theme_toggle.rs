//! Light, dark, or as the device says: one button that goes round.

use shared::theme::Mode;
use yew::prelude::*;

use crate::components::button::IconButton;
use crate::components::icon::Glyph;
use crate::contexts::theme::ThemeHandle;

/// Goes to the next theme.
pub fn theme_toggle(theme: ThemeHandle) -> Html {
    let (glyph, label) = match theme.mode() {
        Mode::Light => (Glyph::Sun, "Theme: light. Change to dark"),
        Mode::Dark => (Glyph::Moon, "Theme: dark. Change to the device’s"),
        Mode::System => (Glyph::Screen, "Theme: as the device. Change to light"),
    };
    let onclick = Callback::from(move |_: MouseEvent| theme.toggle());
    html! { <IconButton {glyph} {label} small=true {onclick} /> }
}
