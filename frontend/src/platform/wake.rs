//! Waiting that ends early when there is reason to hope: the device is online again, the page is looked at, or the
//! server has answered somebody else.

use std::cell::RefCell;
use std::rc::Rc;

use gloo_events::EventListener;
use gloo_timers::callback::Timeout;
use js_sys::Promise;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::JsFuture;
use web_sys::VisibilityState;

/// What [`everybody`] dispatches.
const WAKE: &str = "oriel-wake";

/// Ends all waits: the server has answered.
pub fn everybody() {
    if let (Some(window), Ok(event)) = (web_sys::window(), web_sys::Event::new(WAKE)) {
        // Nobody cancels it.
        drop(window.dispatch_event(&event));
    }
}

/// Calls `back` when the device is online again, or the page becomes visible (then with `false`), until the
/// listeners are dropped.
pub fn on_return(back: impl Fn(bool) + Clone + 'static) -> Vec<EventListener> {
    let mut listeners = Vec::new();
    if let Some(window) = web_sys::window() {
        let back = back.clone();
        listeners.push(EventListener::new(&window, "online", move |_| back(true)));
    }
    if let Some(page) = document() {
        listeners.push(EventListener::new(&page, "visibilitychange", move |_| {
            if is_visible() {
                back(false);
            }
        }));
    }
    listeners
}

/// Whether somebody can see the page.
pub fn is_visible() -> bool {
    document().is_none_or(|page| page.visibility_state() == VisibilityState::Visible)
}

fn document() -> Option<web_sys::Document> {
    web_sys::window()?.document()
}

/// Returns after `wait_ms`, or as soon as there is reason to hope.
pub async fn wait(wait_ms: u32) {
    let listeners: Rc<RefCell<Vec<EventListener>>> = Rc::default();
    let timer: Rc<RefCell<Option<Timeout>>> = Rc::default();
    let promise = Promise::new(&mut |resolve, _reject| {
        let wake = move || {
            // A promise that is resolved already stays as it is.
            drop(resolve.call0(&JsValue::UNDEFINED));
        };
        let (on_return, on_wake) = (wake.clone(), wake.clone());
        let mut listeners = listeners.borrow_mut();
        *listeners = self::on_return(move |_| on_return());
        if let Some(window) = web_sys::window() {
            listeners.push(EventListener::new(&window, WAKE, move |_| on_wake()));
        }
        timer.replace(Some(Timeout::new(wait_ms, wake)));
    });
    drop(JsFuture::from(promise).await);
}
