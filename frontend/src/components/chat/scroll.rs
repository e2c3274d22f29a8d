//! Scrolling of the message list: it follows the answer while its reader is near the end, stays put when the reader
//! has gone up, and does not jump when earlier messages come in above.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::{Element, ResizeObserver};
use yew::prelude::*;

/// This close to the end, in pixels, a reader wants to see what comes: two lines of text and the foot of an answer.
const NEAR_END_PX: i32 = 96;
/// This close to the beginning, in pixels, earlier messages are fetched: about two screens before they are needed.
const NEAR_START_PX: i32 = 1_600;

#[derive(Default)]
struct Inner {
    scroller: NodeRef,
    content: NodeRef,
    follows: Cell<bool>,
    last_top: Cell<i32>,
    anchor: RefCell<Option<(Element, f64)>>,
}

/// The scrolling of one list.
#[derive(Clone)]
pub struct Scroll {
    inner: Rc<Inner>,
    /// The reader is not near the end.
    pub is_away: bool,
    /// For the element that scrolls.
    pub onscroll: Callback<Event>,
}

impl Scroll {
    /// For the element that scrolls.
    pub fn scroller(&self) -> NodeRef {
        self.inner.scroller.clone()
    }

    /// For the element inside that grows.
    pub fn content(&self) -> NodeRef {
        self.inner.content.clone()
    }

    /// Goes to the end and follows from there.
    pub fn to_end(&self) {
        self.inner.to_end();
    }

    /// Stops following: what is read now stays where it is.
    pub fn stay(&self) {
        self.inner.follows.set(false);
    }

    /// Remembers where the first message stands, before others come in above it.
    pub fn hold(&self) {
        let first = self.inner.content.cast::<Element>().and_then(|content| content.first_element_child());
        self.inner.anchor.replace(first.map(|first| {
            let top = first.get_bounding_client_rect().top();
            (first, top)
        }));
    }
}

impl Inner {
    fn to_end(&self) {
        self.follows.set(true);
        if let Some(scroller) = self.scroller.cast::<Element>() {
            scroller.set_scroll_top(scroller.scroll_height());
            self.last_top.set(scroller.scroll_top());
        }
    }

    /// Where browsers anchor the scrolling by themselves there is nothing left to move.
    fn restore(&self) {
        let Some((first, top)) = self.anchor.borrow_mut().take() else { return };
        if let Some(scroller) = self.scroller.cast::<Element>().filter(|_| first.is_connected()) {
            #[allow(clippy::cast_possible_truncation, reason = "pixels on a screen")]
            let moved = (first.get_bounding_client_rect().top() - top) as i32;
            scroller.set_scroll_top(scroller.scroll_top() + moved);
        }
    }
}

/// The scrolling of a list. `first` names its first message; `near_start` is called while the reader is near it.
#[hook]
pub fn use_scroll(first: Option<Rc<str>>, near_start: Callback<()>) -> Scroll {
    let inner = use_memo((), |()| Inner { follows: Cell::new(true), ..Inner::default() });
    let is_away = use_state(|| false);

    use_effect_with(first, {
        let inner = Rc::clone(&inner);
        move |_| inner.restore()
    });
    let near_start = {
        let newest = use_mut_ref(|| near_start.clone());
        newest.replace(near_start);
        newest
    };
    use_effect_with((), {
        let (inner, near_start) = (Rc::clone(&inner), Rc::clone(&near_start));
        move |()| {
            let observed = Rc::clone(&inner);
            // Runs after layout and before painting: what has grown is never seen at the old place.
            let grown = Closure::<dyn Fn()>::new(move || {
                if observed.follows.get() {
                    observed.to_end();
                }
                let is_short = observed.scroller.cast::<Element>().is_some_and(|scroller| {
                    scroller.scroll_height() < scroller.client_height() + NEAR_START_PX
                });
                if is_short {
                    near_start.borrow().emit(());
                }
            });
            let observer = ResizeObserver::new(grown.as_ref().unchecked_ref()).ok();
            if let Some(observer) = &observer {
                for element in [&inner.content, &inner.scroller] {
                    if let Some(element) = element.cast::<Element>() {
                        observer.observe(&element);
                    }
                }
            }
            move || {
                if let Some(observer) = observer {
                    observer.disconnect();
                }
                drop(grown);
            }
        }
    });
    let onscroll = {
        let (inner, is_away) = (Rc::clone(&inner), is_away.clone());
        Callback::from(move |_: Event| {
            let Some(scroller) = inner.scroller.cast::<Element>() else { return };
            let top = scroller.scroll_top();
            let to_end = scroller.scroll_height() - scroller.client_height() - top;
            let went_up = top < inner.last_top.replace(top);
            if to_end <= NEAR_END_PX && !went_up {
                inner.follows.set(true);
            } else if went_up && to_end > 4 {
                inner.follows.set(false);
            }
            let away = to_end > NEAR_END_PX && !inner.follows.get();
            if *is_away != away {
                is_away.set(away);
            }
            if top < NEAR_START_PX {
                near_start.borrow().emit(());
            }
        })
    };
    Scroll { inner, is_away: *is_away, onscroll }
}
