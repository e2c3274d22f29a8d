//! Waiting that ends early when there is reason to hope: the device is online again, or the page is looked at.

use std::cell::RefCell;
use std::rc::Rc;

use gloo_events::EventListener;
use gloo_timers::callback::Timeout;
use js_sys::Promise;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::JsFuture;
use web_sys::VisibilityState;

/// Whether somebody can see the page.
pub fn is_visible() -> bool {
    document().is_none_or(|page| page.visibility_state() == VisibilityState::Visible)
}

fn document() -> Option<web_sys::Document> {
    web_sys::window()?.document()
}

/// Returns after `wait_ms`, or as soon as the device comes online or the page becomes visible.
pub async fn wait(wait_ms: u32) {
    let listeners: Rc<RefCell<Vec<EventListener>>> = Rc::default();
    let timer: Rc<RefCell<Option<Timeout>>> = Rc::default();
    let promise = Promise::new(&mut |resolve, _reject| {
        let wake = move || {
            // A promise that is resolved already stays as it is.
            drop(resolve.call0(&JsValue::UNDEFINED));
        };
        let (on_online, on_visible) = (wake.clone(), wake.clone());
        if let Some(window) = web_sys::window() {
            listeners.borrow_mut().push(EventListener::new(&window, "online", move |_| on_online()));
        }
        if let Some(page) = document() {
            listeners.borrow_mut().push(EventListener::new(&page, "visibilitychange", move |_| {
                if is_visible() {
                    on_visible();
                }
            }));
        }
        timer.replace(Some(Timeout::new(wait_ms, wake)));
    });
    drop(JsFuture::from(promise).await);
}
