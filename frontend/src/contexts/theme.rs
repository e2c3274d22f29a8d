//! Light, dark, or as the device says: chosen here, kept on this device, followed live.
//!
//! The browser is the screen, this room the source: [`ThemeProvider`] holds the mode, resolves it and writes it
//! to the page. `static/theme.js` does the same once before the program is there, so that nothing flashes.

mod page;

use std::rc::Rc;

use gloo_events::EventListener;
use shared::Theme;
use shared::theme::Mode;
use wasm_bindgen::JsCast;
use web_sys::{MediaQueryList, StorageEvent};
use yew::prelude::*;

use crate::platform::storage;
use crate::styles;
use crate::styles::tokens;

/// Where the mode is kept; `static/theme.js` reads it too.
const STORAGE_KEY: &str = "theme";

/// The look of the page, and the way to change it.
#[derive(Clone, Debug, PartialEq)]
pub struct ThemeHandle {
    theme: Rc<Theme>,
    dark: bool,
    choose: Callback<Mode>,
}

impl ThemeHandle {
    /// The mode, colours and motion now.
    pub fn theme(&self) -> &Theme {
        &self.theme
    }

    /// What was chosen.
    pub fn mode(&self) -> Mode {
        self.theme.mode
    }

    /// What it comes to on this device now.
    pub fn is_dark(&self) -> bool {
        self.dark
    }

    /// Chooses `mode`, for this device.
    pub fn set(&self, mode: Mode) {
        self.choose.emit(mode);
    }

    /// Chooses the next of light, dark and system.
    pub fn toggle(&self) {
        self.set(match self.mode() {
            Mode::Light => Mode::Dark,
            Mode::Dark => Mode::System,
            Mode::System => Mode::Light,
        });
    }
}

/// The theme of the [`ThemeProvider`] above.
///
/// # Panics
/// Without one: a mistake in the page, met at its first start.
#[hook]
pub fn use_theme() -> ThemeHandle {
    #[expect(clippy::expect_used, reason = "without its provider the page cannot be shown at all")]
    use_context().expect("a ThemeProvider stands above")
}

/// What [`ThemeProvider`] takes.
#[derive(Clone, Debug, PartialEq, Properties)]
pub struct ThemeProviderProps {
    /// What has the theme.
    #[prop_or_default]
    pub children: Html,
}

/// Gives everything within it the theme, and the page its colours. Stands once, outermost.
#[component]
pub fn ThemeProvider(props: &ThemeProviderProps) -> Html {
    let mode = use_state_eq(|| storage::get(STORAGE_KEY).unwrap_or_default());
    let device_dark = use_media_query("(prefers-color-scheme: dark)");
    let reduced = use_media_query("(prefers-reduced-motion: reduce)");
    let dark = match *mode {
        Mode::Light => false,
        Mode::Dark => true,
        Mode::System => device_dark,
    };

    use_memo((), |()| {
        // Without a head there is no page to style.
        styles::mount().ok();
    });
    use_effect_with(dark, move |dark| page::show(*dark, !reduced));
    use_mode_of_other_tabs(mode.clone());

    let choose = use_callback((), {
        let mode = mode.clone();
        move |chosen: Mode, ()| {
            storage::set(STORAGE_KEY, &chosen);
            mode.set(chosen);
        }
    });
    let theme = use_memo((*mode, dark, reduced), |(mode, dark, reduced)| Theme {
        mode: *mode,
        colors: tokens::colors(*dark),
        transitions: tokens::transitions(*reduced),
    });
    let handle = ThemeHandle { theme, dark, choose };
    html! {
        <ContextProvider<ThemeHandle> context={handle}>{ props.children.clone() }</ContextProvider<ThemeHandle>>
    }
}

/// A choice made in another tab counts here too.
#[hook]
fn use_mode_of_other_tabs(mode: UseStateHandle<Mode>) {
    use_effect_with((), move |()| {
        let listener = web_sys::window().map(|window| {
            EventListener::new(&window, "storage", move |event| {
                let key = event.dyn_ref::<StorageEvent>().and_then(StorageEvent::key);
                if key.as_deref() == Some(storage::full(STORAGE_KEY).as_str()) {
                    mode.set(storage::get(STORAGE_KEY).unwrap_or_default());
                }
            })
        });
        move || drop(listener)
    });
}

/// Whether the media query holds, now and whenever that changes.
#[hook]
fn use_media_query(query: &'static str) -> bool {
    let list = use_memo(query, |query| match_media(query));
    let holds = use_state_eq(|| list.as_ref().as_ref().is_some_and(MediaQueryList::matches));
    use_effect_with(list, {
        let holds = holds.clone();
        move |list| {
            let listener = list.as_ref().clone().map(|list| {
                let target = list.clone();
                EventListener::new(&target, "change", move |_| holds.set(list.matches()))
            });
            move || drop(listener)
        }
    });
    *holds
}

fn match_media(query: &str) -> Option<MediaQueryList> {
    web_sys::window()?.match_media(query).ok().flatten()
}
