//! Answers that are being written. Events change them at once; whoever draws them is told once per frame, and only
//! about the answer it draws.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use shared::reducer::{Answer, Answers, Outcome, Phase};
use shared::{Cursor, GenerationId, StreamEvent, Usage};
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use yew::prelude::*;

/// One answer as it is drawn.
#[derive(Clone, Debug, PartialEq)]
pub struct View {
    /// What the model is doing.
    pub phase: Phase,
    /// The answer so far.
    pub text: AttrValue,
    /// The reasoning so far.
    pub reasoning: AttrValue,
    /// Tokens and speeds so far.
    pub usage: Option<Usage>,
}

impl View {
    /// Whether no word has come yet. A text that was cut to nothing is not meant: it has begun.
    pub fn is_empty(&self) -> bool {
        !matches!(self.phase, Phase::Writing | Phase::Ended)
            && self.text.is_empty()
            && self.reasoning.is_empty()
    }

    fn of(answer: &Answer) -> Self {
        Self {
            phase: answer.phase.clone(),
            text: AttrValue::from(answer.text.clone()),
            reasoning: AttrValue::from(answer.reasoning.clone()),
            usage: answer.usage,
        }
    }
}

type Listener = Rc<dyn Fn(View)>;

#[derive(Default)]
struct Inner {
    answers: RefCell<Answers>,
    changed: RefCell<BTreeSet<GenerationId>>,
    listeners: RefCell<BTreeMap<GenerationId, Vec<(u64, Listener)>>>,
    next: Cell<u64>,
    frame_asked_for: Cell<bool>,
}

/// All answers of this page's stream. Clones are the same.
#[derive(Clone, Default)]
pub struct Live {
    inner: Rc<Inner>,
}

/// Ends when it is dropped.
pub struct Watching {
    live: Live,
    generation: GenerationId,
    id: u64,
}

impl Drop for Watching {
    fn drop(&mut self) {
        if let Some(listeners) = self.live.inner.listeners.borrow_mut().get_mut(&self.generation) {
            listeners.retain(|(id, _)| *id != self.id);
        }
    }
}

impl Live {
    /// Applies an event.
    pub fn apply(&self, event: &StreamEvent) -> Outcome {
        let outcome = self.inner.answers.borrow_mut().apply(event);
        if let (Outcome::Applied, Some(generation)) = (outcome, event.generation_id()) {
            self.inner.changed.borrow_mut().insert(generation);
            self.ask_for_frame();
        }
        outcome
    }

    /// Where the reader stands.
    pub fn cursor(&self) -> Option<Cursor> {
        self.inner.answers.borrow().cursor()
    }

    /// Forgets every answer: what still runs comes again as a snapshot.
    pub fn clear(&self) {
        self.inner.answers.replace(Answers::new());
    }

    /// An answer with everything known about it, where `wanted` says so.
    pub fn answer_if(
        &self,
        generation: GenerationId,
        wanted: impl FnOnce(&Answer) -> bool,
    ) -> Option<Answer> {
        self.inner.answers.borrow().get(generation).filter(|answer| wanted(answer)).cloned()
    }

    /// Whether anything is known about an answer.
    pub fn knows(&self, generation: GenerationId) -> bool {
        self.inner.answers.borrow().get(generation).is_some()
    }

    /// One answer as it is drawn.
    pub fn view(&self, generation: GenerationId) -> Option<View> {
        self.inner.answers.borrow().get(generation).map(View::of)
    }

    /// Calls `listener` in each frame in which the answer has changed.
    pub fn watch(&self, generation: GenerationId, listener: impl Fn(View) + 'static) -> Watching {
        let id = self.inner.next.get();
        self.inner.next.set(id + 1);
        self.inner.listeners.borrow_mut().entry(generation).or_default().push((id, Rc::new(listener)));
        Watching { live: self.clone(), generation, id }
    }

    fn ask_for_frame(&self) {
        if self.inner.frame_asked_for.replace(true) {
            return;
        }
        let live = self.clone();
        let draw = Closure::once_into_js(move || live.draw());
        let asked = web_sys::window()
            .is_some_and(|window| window.request_animation_frame(draw.unchecked_ref()).is_ok());
        self.inner.frame_asked_for.set(asked);
    }

    fn draw(&self) {
        self.inner.frame_asked_for.set(false);
        for generation in std::mem::take(&mut *self.inner.changed.borrow_mut()) {
            let listeners = self.inner.listeners.borrow().get(&generation).cloned().unwrap_or_default();
            if let Some(view) = self.view(generation).filter(|_| !listeners.is_empty()) {
                for (_, listener) in listeners {
                    listener(view.clone());
                }
            }
        }
    }
}
