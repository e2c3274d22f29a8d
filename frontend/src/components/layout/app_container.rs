//! `AppContainer` = sidebar + main content. On a wide screen the sidebar stands beside the content and can be folded
//! away; on a phone it is a drawer over it.

use gloo_events::EventListener;
use stylist::css;
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::spawn_local;
use yew::prelude::*;
use yew_router::prelude::*;

use super::main_content::MainContent;
use super::sidebar::Sidebar;
use crate::components::feedback::toasts::ToastList;
use crate::components::sheet;
use crate::hooks::{use_chat, use_store};
use crate::platform::{storage, viewport};
use crate::route::Route;

/// Where it is kept whether the sidebar is folded away.
const FOLDED_KEY: &str = "sidebar-folded";
/// Below this width the sidebar is a drawer. The sheet has the same number.
const DRAWER_QUERY: &str = "(max-width: 767px)";

thread_local!(static SHEET: AttrValue = sheet(css!(r#"
    --sidebar: 17.5rem;
    position: fixed;
    inset: 0 0 auto 0;
    height: var(--viewport-height, 100dvh);
    overflow: hidden;
    color: var(--text);
    background: var(--background);

    & > .side {
        position: absolute;
        z-index: var(--layer-sidebar);
        inset: 0 auto 0 0;
        width: var(--sidebar);
        transition: transform var(--slow), visibility var(--slow);
    }
    & > .content {
        position: absolute;
        inset: 0 0 0 var(--sidebar);
        transition: left var(--slow);
    }
    &.folded > .side {
        transform: translateX(-100%);
        visibility: hidden;
    }
    &.folded > .content {
        left: 0;
    }
    & > .shade {
        display: none;
    }
    & > .skip {
        position: absolute;
        z-index: var(--layer-dialog);
        top: var(--space-2);
        left: var(--space-2);
        padding: var(--space-2) var(--space-4);
        border-radius: var(--radius-m);
        color: var(--on-accent);
        background: var(--accent);
        transform: translateY(-200%);
    }
    & > .skip:focus {
        transform: none;
    }
    @media (max-width: 767px) {
        --sidebar: min(19rem, 84vw);
        & > .content, &.folded > .content {
            left: 0;
        }
        & > .side, &.folded > .side {
            transform: translateX(-100%);
            visibility: hidden;
        }
        &.drawer > .side {
            transform: none;
            visibility: visible;
            box-shadow: var(--shadow-l);
        }
        & > .shade {
            display: block;
            position: absolute;
            z-index: var(--layer-sidebar);
            inset: 0;
            background: rgb(0 0 0 / 0.4);
            opacity: 0;
            visibility: hidden;
            transition: opacity var(--slow), visibility var(--slow);
        }
        &.drawer > .shade {
            opacity: 1;
            visibility: visible;
        }
    }
"#)));

/// Props of the frame.
#[derive(Properties, PartialEq)]
pub struct AppContainerProps {
    /// What the address shows.
    pub children: Html,
}

/// The frame of the page for whoever is signed in.
#[component]
pub fn AppContainer(props: &AppContainerProps) -> Html {
    let chat = use_chat();
    let navigator = use_navigator();
    let announcement = use_store(&chat.announcement);
    let folded = use_state(|| storage::get(FOLDED_KEY).unwrap_or(false));
    let drawer = use_state(|| false);
    let route = use_route::<Route>();

    use_effect_with((), |()| {
        let following = viewport::follow();
        move || drop(following)
    });
    // Whoever has chosen a conversation wants to read it.
    use_effect_with(route, {
        let drawer = drawer.setter();
        move |_| drawer.set(false)
    });

    let toggle = {
        let (folded, drawer) = (folded.clone(), drawer.clone());
        Callback::from(move |()| {
            if is_narrow() {
                drawer.set(!*drawer);
            } else {
                storage::set(FOLDED_KEY, &!*folded);
                folded.set(!*folded);
            }
        })
    };
    use_keys((*drawer, *folded), {
        let (chat, toggle, drawer) = (chat.clone(), toggle.clone(), drawer.clone());
        Callback::from(move |event: KeyboardEvent| {
            let command = event.ctrl_key() || event.meta_key();
            match event.key().as_str() {
                "Escape" if *drawer => drawer.set(false),
                // What is open over the page closes first and keeps the key to itself.
                "Escape" => match chat.open.get().running() {
                    Some(running) => {
                        let chat = chat.clone();
                        spawn_local(async move {
                            chat.stop(running).await;
                        });
                    }
                    None => return,
                },
                "b" | "B" if command && !event.shift_key() && !event.alt_key() => toggle.emit(()),
                "o" | "O" if command && event.shift_key() => {
                    if let Some(navigator) = &navigator {
                        navigator.push(&Route::Home);
                    }
                }
                _ => return,
            }
            event.prevent_default();
        })
    });
    let close = {
        let drawer = drawer.setter();
        Callback::from(move |_: MouseEvent| drawer.set(false))
    };
    let class =
        classes!(SHEET.with(AttrValue::clone), folded.then_some("folded"), drawer.then_some("drawer"));
    html! {
        <div {class}>
            <a class="skip" href="#composer">{ "Skip to the message box" }</a>
            <div class="shade" onclick={close}></div>
            <div class="side"><Sidebar onfold={toggle.clone()} /></div>
            <div class="content">
                <MainContent sidebar_is_away={*folded} onunfold={toggle}>{ props.children.clone() }</MainContent>
            </div>
            <ToastList />
            <div class="visually-hidden" aria-live="polite">{ &*announcement }</div>
        </div>
    }
}

fn is_narrow() -> bool {
    web_sys::window()
        .and_then(|window| window.match_media(DRAWER_QUERY).ok()?)
        .is_some_and(|query| query.matches())
}

/// Listens to keys pressed anywhere on the page.
#[hook]
fn use_keys<D: PartialEq + 'static>(deps: D, pressed: Callback<KeyboardEvent>) {
    use_effect_with(deps, move |_| {
        let listener = web_sys::window().map(|window| {
            let options = gloo_events::EventListenerOptions::enable_prevent_default();
            EventListener::new_with_options(&window, "keydown", options, move |event| {
                if let Some(event) = event.dyn_ref::<KeyboardEvent>() {
                    pressed.emit(event.clone());
                }
            })
        });
        move || drop(listener)
    });
}
