//! What components read and do: handles with verbs, and stores read part by part.

use std::rc::Rc;

use shared::GenerationId;
use yew::prelude::*;

use crate::contexts::chat::Chat;
use crate::contexts::chat::live::View;
use crate::contexts::session::SessionHandle;
use crate::state::store::Store;

/// Signing in and out.
///
/// # Panics
/// Outside of [`crate::contexts::session::SessionProvider`].
#[hook]
pub fn use_session() -> SessionHandle {
    #[allow(clippy::expect_used, reason = "a component outside of its provider is a mistake of the page")]
    use_context::<SessionHandle>().expect("inside SessionProvider")
}

/// Chatting.
///
/// # Panics
/// Outside of [`crate::contexts::chat::ChatProvider`].
#[hook]
pub fn use_chat() -> Chat {
    #[allow(clippy::expect_used, reason = "a component outside of its provider is a mistake of the page")]
    use_context::<Chat>().expect("inside ChatProvider")
}

/// The whole value of a store; drawn again at each change.
#[hook]
pub fn use_store<S: 'static>(store: &Store<S>) -> Rc<S> {
    let value = store.get();
    let update = use_force_update();
    let drawn = Rc::clone(&value);
    use_effect_with(store.clone(), move |store| {
        if !Rc::ptr_eq(&drawn, &store.get()) {
            update.force_update();
        }
        let subscription = store.subscribe(move |_| update.force_update());
        move || drop(subscription)
    });
    value
}

/// One part of a store; drawn again when that part changes. `select` must not depend on anything but the value.
#[hook]
pub fn use_selected<S: 'static, T: Clone + PartialEq + 'static>(
    store: &Store<S>,
    select: impl Fn(&S) -> T + 'static,
) -> T {
    let value = select(&store.get());
    let drawn = use_mut_ref(|| value.clone());
    drawn.replace(value.clone());
    let update = use_force_update();
    use_effect_with(store.clone(), move |store| {
        let look = move |now: &S| {
            if *drawn.borrow() != select(now) {
                update.force_update();
            }
        };
        look(&store.get());
        let subscription = store.subscribe(look);
        move || drop(subscription)
    });
    value
}

/// An answer that is being written, drawn again in each frame in which it has changed. Never what was last drawn of another
/// one: an answer that goes on with it would begin with a text that lacks its last word.
#[hook]
pub fn use_live(generation: Option<GenerationId>) -> Option<View> {
    let chat = use_chat();
    let drawn =
        use_state(|| generation.and_then(|generation| Some((generation, chat.live.view(generation)?))));
    {
        let drawn = drawn.setter();
        use_effect_with((chat.clone(), generation), move |(chat, generation)| {
            let watching = generation.map(|generation| {
                drawn.set(chat.live.view(generation).map(|view| (generation, view)));
                chat.live.watch(generation, move |now| drawn.set(Some((generation, now))))
            });
            move || drop(watching)
        });
    }
    let generation = generation?;
    match &*drawn {
        Some((of, view)) if *of == generation => Some(view.clone()),
        _ => chat.live.view(generation),
    }
}
