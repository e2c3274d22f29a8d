//! A menu that opens from a button: arrows move, Escape and a press elsewhere close it.

use gloo_events::EventListener;
use stylist::css;
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement, Node};
use yew::prelude::*;

use super::button::IconButton;
use super::icon::{Glyph, icon};
use super::sheet;

thread_local!(static SHEET: AttrValue = sheet(css!(r#"
    position: relative;
    display: inline-block;

    .list {
        position: absolute;
        z-index: var(--layer-overlay);
        right: 0;
        top: calc(100% + 4px);
        min-width: 11rem;
        padding: var(--space-1);
        border: 1px solid var(--border);
        border-radius: var(--radius-m);
        background: var(--background);
        box-shadow: var(--shadow-m);
        animation: menu-opens var(--fast);
    }
    .list.up {
        top: auto;
        bottom: calc(100% + 4px);
    }
    .list button {
        display: flex;
        align-items: center;
        gap: var(--space-3);
        width: 100%;
        min-height: 2.25rem;
        padding: 0 var(--space-3);
        border: 0;
        border-radius: var(--radius-s);
        font: inherit;
        font-size: var(--text-s);
        text-align: left;
        color: var(--text);
        background: transparent;
        cursor: pointer;
    }
    .list button:hover, .list button:focus-visible {
        background: var(--raised);
    }
    .list button.danger {
        color: var(--danger);
    }
    @media (pointer: coarse) {
        .list button {
            min-height: 2.75rem;
        }
    }
    @keyframes menu-opens {
        from { opacity: 0; transform: translateY(-4px); }
    }
"#)));

/// One line of a menu.
#[derive(Clone, PartialEq)]
pub struct MenuItem {
    /// Its icon.
    pub glyph: Glyph,
    /// Its words.
    pub label: AttrValue,
    /// It destroys something.
    pub danger: bool,
    /// Chosen.
    pub onclick: Callback<()>,
}

/// Props of a menu.
#[derive(Properties, PartialEq)]
pub struct MenuProps {
    /// What the button is for, in words.
    pub label: AttrValue,
    /// The lines.
    pub items: Vec<MenuItem>,
    /// Opens upwards.
    #[prop_or_default]
    pub up: bool,
}

/// Whether the popup within `root` is open. Opening it moves the focus to its first item; Escape and a press outside
/// close it.
#[hook]
pub fn use_popup(root: &NodeRef) -> UseStateHandle<bool> {
    let open = use_state(|| false);
    use_dismiss(root, *open, {
        let open = open.setter();
        Callback::from(move |()| open.set(false))
    });
    use_effect_with(*open, {
        let root = root.clone();
        move |open| {
            if *open {
                focus_item(&root, 0);
            }
        }
    });
    open
}

/// A button of three dots with a menu.
#[component]
pub fn Menu(props: &MenuProps) -> Html {
    let root = use_node_ref();
    let open = use_popup(&root);
    let toggle = {
        let open = open.clone();
        Callback::from(move |event: MouseEvent| {
            event.prevent_default();
            event.stop_propagation();
            open.set(!*open);
        })
    };
    let onkeydown = {
        let root = root.clone();
        Callback::from(move |event: KeyboardEvent| move_focus(&root, &event))
    };
    html! {
        <div class={SHEET.with(AttrValue::clone)} ref={root}>
            <IconButton glyph={Glyph::Dots} label={props.label.clone()} small=true expanded={*open} onclick={toggle} />
            if *open {
                <div class={classes!("list", props.up.then_some("up"))} role="menu" aria-label={props.label.clone()}
                    {onkeydown}>
                    { for props.items.iter().map(|item| {
                        let (open, chosen) = (open.setter(), item.onclick.clone());
                        let onclick = Callback::from(move |event: MouseEvent| {
                            event.stop_propagation();
                            open.set(false);
                            chosen.emit(());
                        });
                        html! {
                            <button type="button" role="menuitem" class={item.danger.then_some("danger")} {onclick}>
                                { icon(item.glyph, 18) }
                                { &item.label }
                            </button>
                        }
                    }) }
                </div>
            }
        </div>
    }
}

/// Closes what `root` has opened: on Escape, which also gives the focus back to its button, and on a press elsewhere.
#[hook]
fn use_dismiss(root: &NodeRef, open: bool, close: Callback<()>) {
    let root = root.clone();
    use_effect_with(open, move |open| {
        let listeners = open.then(|| web_sys::window()?.document()).flatten().map(|document| {
            let (outside, close_outside) = (root.clone(), close.clone());
            let press = EventListener::new(&document, "pointerdown", move |event| {
                let target = event.target().and_then(|target| target.dyn_into::<Node>().ok());
                if !outside.get().is_some_and(|root| root.contains(target.as_ref())) {
                    close_outside.emit(());
                }
            });
            let options = gloo_events::EventListenerOptions::run_in_capture_phase();
            let escape = EventListener::new_with_options(&document, "keydown", options, move |event| {
                if event.dyn_ref::<KeyboardEvent>().is_some_and(|event| event.key() == "Escape") {
                    event.stop_propagation();
                    close.emit(());
                    if let Some(button) =
                        root.cast::<Element>().and_then(|root| root.query_selector("button").ok()?)
                    {
                        focus(&button);
                    }
                }
            });
            (press, escape)
        });
        move || drop(listeners)
    });
}

/// Arrow keys move the focus among the lines of an open menu.
pub fn move_focus(root: &NodeRef, event: &KeyboardEvent) {
    let step = match event.key().as_str() {
        "ArrowDown" => 1,
        "ArrowUp" => -1,
        _ => return,
    };
    event.prevent_default();
    let Some(items) = items(root) else { return };
    let active =
        web_sys::window().and_then(|window| window.document()).and_then(|page| page.active_element());
    let count = i64::from(items.length());
    let now = (0..items.length()).find(|index| {
        active
            .as_deref()
            .is_some_and(|active| items.item(*index).is_some_and(|item| item.is_same_node(Some(active))))
    });
    let next = now.map_or(0, |now| (i64::from(now) + step).rem_euclid(count.max(1)));
    focus_item(root, u32::try_from(next).unwrap_or_default());
}

fn items(root: &NodeRef) -> Option<web_sys::NodeList> {
    root.cast::<Element>()?.query_selector_all("[role=menuitem], [role=option]").ok()
}

/// Moves the focus to one line of an open menu.
fn focus_item(root: &NodeRef, index: u32) {
    if let Some(item) = items(root).and_then(|items| items.item(index)).and_then(|item| item.dyn_into().ok())
    {
        focus(&item);
    }
}

fn focus(element: &Element) {
    if let Some(element) = element.dyn_ref::<HtmlElement>() {
        // What cannot take the focus is passed over.
        drop(element.focus());
    }
}
