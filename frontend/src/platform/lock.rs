//! One tab at a time. Over plain http from another machine browsers have no Web Locks: there a lease in local storage
//! takes their place. It can be broken by a tab that the browser has put to sleep, so nothing may rest on it alone:
//! a message carries its id, and the server has a grace for refresh tokens.

use std::cell::RefCell;
use std::future::Future;
use std::rc::Rc;

use futures_util::future::LocalBoxFuture;
use gloo_timers::callback::Interval;
use js_sys::{Function, Promise, Reflect};
use serde::{Deserialize, Serialize};
use shared::ClientId;
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, future_to_promise};

use super::{storage, time, wake};

/// A tab that was closed holds its lease for so long at most.
const LEASE_MS: u32 = 6_000;
/// Between two looks at somebody else's lease.
const LOOK_MS: u32 = 250;
/// Two tabs that write at the same moment both read the later one's name after this time.
const SETTLE_MS: u32 = 40;

/// Runs `work` while no other tab runs work under the same name.
pub async fn exclusive<T: 'static>(name: &str, work: impl Future<Output = T> + 'static) -> T {
    let result: Rc<RefCell<Option<T>>> = Rc::default();
    let done = Rc::clone(&result);
    run(name, Box::pin(async move { drop(done.replace(Some(work.await))) })).await;
    let result = result.borrow_mut().take();
    match result {
        Some(result) => result,
        None => std::future::pending().await,
    }
}

async fn run(name: &str, work: LocalBoxFuture<'static, ()>) {
    let work = Rc::new(RefCell::new(Some(work)));
    if let Some((locks, request)) = lock_manager() {
        let work = Rc::clone(&work);
        let run = Closure::once_into_js(move |_lock: JsValue| -> Promise {
            let work = work.borrow_mut().take();
            future_to_promise(async move {
                if let Some(work) = work {
                    work.await;
                }
                Ok(JsValue::UNDEFINED)
            })
        });
        if let Ok(promise) = request.call2(&locks, &JsValue::from_str(name), &run) {
            // A refusal leaves the work undone, and it is done below.
            drop(JsFuture::from(Promise::from(promise)).await);
        }
    }
    let undone = work.borrow_mut().take();
    if let Some(work) = undone {
        leased(name, work).await;
    }
}

fn lock_manager() -> Option<(JsValue, Function)> {
    let navigator = web_sys::window()?.navigator();
    let locks =
        Reflect::get(&navigator, &JsValue::from_str("locks")).ok().filter(|locks| locks.is_object())?;
    let request = Reflect::get(&locks, &JsValue::from_str("request")).ok()?.dyn_into().ok()?;
    Some((locks, request))
}

#[derive(Serialize, Deserialize)]
struct Lease {
    holder: ClientId,
    until_ms: u64,
}

impl Lease {
    /// Whether it could be written down.
    fn write(key: &str, holder: ClientId) -> bool {
        storage::set(key, &Self { holder, until_ms: now_ms() + u64::from(LEASE_MS) })
    }
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a date of this epoch in milliseconds"
)]
fn now_ms() -> u64 {
    time::now_ms() as u64
}

/// Runs `work` under a lease. Where nothing can be stored, tabs know nothing of each other, and it runs at once.
async fn leased(name: &str, work: LocalBoxFuture<'static, ()>) {
    let key = format!("lock.{name}");
    let me = ClientId::new();
    loop {
        let lease = storage::get::<Lease>(&key).filter(|lease| lease.until_ms > now_ms());
        match lease {
            Some(lease) if lease.holder == me => break,
            Some(_) => wake::wait(LOOK_MS).await,
            None if Lease::write(&key, me) => wake::wait(SETTLE_MS).await,
            None => return work.await,
        }
    }
    let renewing = {
        let key = key.clone();
        Interval::new(LEASE_MS / 3, move || {
            Lease::write(&key, me);
        })
    };
    work.await;
    drop(renewing);
    if storage::get::<Lease>(&key).is_some_and(|lease| lease.holder == me) {
        storage::remove(&key);
    }
}
