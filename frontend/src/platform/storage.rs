//! What the page remembers on this device: small values in local storage.
//!
//! Storage may be absent, full or forbidden (private windows, strict settings): then nothing is remembered, and
//! nothing else happens.

use gloo_storage::{LocalStorage, Storage};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The value of `key`, if one was stored and can be read as `T`.
pub fn get<T: DeserializeOwned>(key: &str) -> Option<T> {
    if !is_there() {
        return None;
    }
    LocalStorage::get(full(key)).ok()
}

/// Stores `value` under `key`. Whether it was kept.
pub fn set<T: Serialize>(key: &str, value: &T) -> bool {
    is_there() && LocalStorage::set(full(key), value).is_ok()
}

/// Forgets what was stored under `key`.
pub fn remove(key: &str) {
    if is_there() {
        LocalStorage::delete(full(key));
    }
}

/// What follows `prefix` in the keys that begin with it.
pub fn below(prefix: &str) -> Vec<String> {
    if !is_there() {
        return Vec::new();
    }
    let storage = LocalStorage::raw();
    let prefix = full(prefix);
    let keys = (0..LocalStorage::length()).filter_map(|index| storage.key(index).ok().flatten());
    keys.filter_map(|key| key.strip_prefix(&prefix).map(str::to_owned)).collect()
}

/// The name under which the browser keeps `key`; other tabs learn of changes by it.
pub fn full(key: &str) -> String {
    format!("oriel.{key}")
}

/// Asking first, because the library panics where storage is forbidden.
fn is_there() -> bool {
    web_sys::window().is_some_and(|window| matches!(window.local_storage(), Ok(Some(_))))
}
