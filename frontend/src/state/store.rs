//! A value that many components watch. A store's handle never changes, so handing it down a context draws nothing
//! again; each component says which part it reads and is drawn when that part changes.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

type Listener<S> = Rc<dyn Fn(&S)>;

struct Inner<S> {
    value: RefCell<Rc<S>>,
    listeners: RefCell<Vec<(u64, Listener<S>)>>,
    next: Cell<u64>,
}

/// A watched value. Clones are the same store.
pub struct Store<S> {
    inner: Rc<Inner<S>>,
}

impl<S> Clone for Store<S> {
    fn clone(&self) -> Self {
        Self { inner: Rc::clone(&self.inner) }
    }
}

impl<S> PartialEq for Store<S> {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.inner, &other.inner)
    }
}

impl<S: 'static> Store<S> {
    /// A store that holds `value`.
    pub fn new(value: S) -> Self {
        Self {
            inner: Rc::new(Inner {
                value: RefCell::new(Rc::new(value)),
                listeners: RefCell::default(),
                next: Cell::new(0),
            }),
        }
    }

    /// The value now.
    pub fn get(&self) -> Rc<S> {
        Rc::clone(&self.inner.value.borrow())
    }

    /// Replaces the value and tells everybody who watches.
    pub fn set(&self, value: S) {
        self.inner.value.replace(Rc::new(value));
        self.tell();
    }

    /// Changes the value and tells everybody who watches.
    pub fn update<T>(&self, change: impl FnOnce(&mut S) -> T) -> T
    where
        S: Clone,
    {
        let result = change(Rc::make_mut(&mut *self.inner.value.borrow_mut()));
        self.tell();
        result
    }

    /// Calls `listener` after each change, until the subscription is dropped.
    pub fn subscribe(&self, listener: impl Fn(&S) + 'static) -> Subscription {
        let id = self.inner.next.get();
        self.inner.next.set(id + 1);
        self.inner.listeners.borrow_mut().push((id, Rc::new(listener)));
        let store: Weak<Inner<S>> = Rc::downgrade(&self.inner);
        Subscription {
            end: Some(Box::new(move || {
                if let Some(store) = store.upgrade() {
                    store.listeners.borrow_mut().retain(|(other, _)| *other != id);
                }
            })),
        }
    }

    /// Listeners may change the store or unsubscribe: both lists are left free while they run.
    fn tell(&self) {
        let listeners = self.inner.listeners.borrow().clone();
        for (_, listener) in listeners {
            let value = self.get();
            listener(&value);
        }
    }
}

/// Ends when it is dropped.
pub struct Subscription {
    end: Option<Box<dyn FnOnce()>>,
}

impl Drop for Subscription {
    fn drop(&mut self) {
        if let Some(end) = self.end.take() {
            end();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_hear_of_changes_until_they_leave() {
        let store = Store::new(1);
        let heard = Rc::new(RefCell::new(Vec::new()));
        let log = Rc::clone(&heard);
        let subscription = store.subscribe(move |value| log.borrow_mut().push(*value));
        store.set(2);
        store.update(|value| *value += 1);
        drop(subscription);
        store.set(9);
        assert_eq!(*heard.borrow(), [2, 3]);
    }

    #[test]
    fn a_listener_may_change_the_store_it_listens_to() {
        let store = Store::new(0);
        let inner = store.clone();
        let _subscription = store.subscribe(move |value| {
            if *value < 3 {
                inner.update(|value| *value += 1);
            }
        });
        store.set(1);
        assert_eq!(*store.get(), 3);
    }

    #[test]
    fn a_value_that_was_read_does_not_change_under_its_reader() {
        let store = Store::new(vec![1]);
        let before = store.get();
        store.update(|value| value.push(2));
        assert_eq!((before.len(), store.get().len()), (1, 2));
    }
}
