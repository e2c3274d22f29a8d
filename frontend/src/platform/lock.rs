//! One tab at a time. Over plain http from another machine browsers have no Web Locks: there the work runs at once,
//! and the server's grace for refresh tokens keeps two tabs from signing each other out.

use std::cell::RefCell;
use std::future::Future;
use std::rc::Rc;

use js_sys::{Function, Promise, Reflect};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, future_to_promise};

/// Runs `work` while no other tab runs work under the same name.
pub async fn exclusive<T: Clone + 'static>(name: &str, work: impl Future<Output = T> + 'static) -> T {
    let work: Rc<RefCell<Option<_>>> = Rc::new(RefCell::new(Some(Box::pin(work))));
    let result: Rc<RefCell<Option<T>>> = Rc::default();
    if let Some((locks, request)) = lock_manager() {
        let (work, result) = (Rc::clone(&work), Rc::clone(&result));
        let run = Closure::once_into_js(move |_lock: JsValue| -> Promise {
            let work = work.borrow_mut().take();
            future_to_promise(async move {
                if let Some(work) = work {
                    result.replace(Some(work.await));
                }
                Ok(JsValue::UNDEFINED)
            })
        });
        if let Ok(promise) = request.call2(&locks, &JsValue::from_str(name), &run) {
            // A refusal leaves the work undone, and it is done below.
            drop(JsFuture::from(Promise::from(promise)).await);
        }
    }
    let done = result.borrow_mut().take();
    let undone = work.borrow_mut().take();
    match (done, undone) {
        (Some(done), _) => done,
        (None, Some(work)) => work.await,
        (None, None) => std::future::pending().await,
    }
}

fn lock_manager() -> Option<(JsValue, Function)> {
    let navigator = web_sys::window()?.navigator();
    let locks =
        Reflect::get(&navigator, &JsValue::from_str("locks")).ok().filter(|locks| locks.is_object())?;
    let request = Reflect::get(&locks, &JsValue::from_str("request")).ok()?.dyn_into().ok()?;
    Some((locks, request))
}
