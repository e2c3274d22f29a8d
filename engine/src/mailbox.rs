//! Hands the events of one answer from the pool to its consumer. The pool never waits: while nobody reads, events of
//! the same kind merge, and past a bound the answer is paused until somebody does.
//!
//! ```text
//!  pool ──push──▶ mailbox ──next──▶ consumer
//!    ▲                                 │
//!    └── wishes: stop, go on ◀─────────┘
//! ```

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::{GenerationError, GenerationEvent, TokenLikelihood};

/// Text that may wait for a consumer before its answer is paused: minutes of a fast stream, while a thousand stuck
/// ones take 64 MiB.
const PAUSE_AT_BYTES: usize = 64 * 1024;
/// A paused answer goes on when no more than this waits: enough to read from while the next step is on its way, and far
/// enough below the other bound that pauses are rare.
const RESUME_AT_BYTES: usize = PAUSE_AT_BYTES / 4;
/// Text that may wait at all. What is on its way when the pause is asked for is some hundred steps, of a few bytes or of
/// a kilobyte each; a worker that writes so much more does not know what a pause is, and the answer is given up.
const WAITING_MAX_BYTES: usize = 4 * 1024 * 1024;

/// Numbers answers within one engine.
pub(crate) type GenerationKey = u64;

/// What a consumer wants of its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// That it ends.
    Stop(GenerationKey),
    /// That it goes on: it was paused, and there is room again.
    Resume(GenerationKey),
}

/// The wishes of all consumers, for the pool to collect. Bounded by the answers that run: each is asked to stop at most
/// once, and to go on once for each time that the pool was told to pause it.
#[derive(Debug, Default)]
pub(crate) struct Wishes {
    waiting: Mutex<Vec<Wish>>,
    news: Notify,
}

impl Wishes {
    fn push(&self, wish: Wish) {
        lock(&self.waiting).push(wish);
        self.news.notify_one();
    }

    /// Waits until there are some.
    pub(crate) async fn take(&self) -> Vec<Wish> {
        loop {
            let news = self.news.notified();
            let wishes = std::mem::take(&mut *lock(&self.waiting));
            if !wishes.is_empty() {
                return wishes;
            }
            news.await;
        }
    }
}

/// The events of one answer that wait for its consumer.
#[derive(Debug)]
pub(crate) struct Mailbox {
    key: GenerationKey,
    state: Mutex<State>,
    news: Notify,
    wishes: Arc<Wishes>,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<GenerationEvent>,
    waiting_bytes: usize,
    paused: bool,
    ended: bool,
    stop_asked: bool,
}

/// What the pool has to do after it has pushed an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pushed {
    /// Nothing.
    Taken,
    /// The consumer is behind: pause the answer, until it wishes to go on. Said once for each pause.
    Pause,
    /// The consumer was behind and the answer did not pause: the mailbox has ended itself with an error, and the worker
    /// should be told to stop.
    GivenUp,
}

/// The pool's end of a mailbox. Whatever becomes of it, the answer ends: dropped before that, it says so itself.
#[derive(Debug)]
pub(crate) struct Outlet {
    mailbox: Arc<Mailbox>,
}

impl Outlet {
    /// Adds an event; nothing after the end.
    pub(crate) fn push(&self, event: GenerationEvent) -> Pushed {
        self.mailbox.push(event)
    }
}

impl Drop for Outlet {
    fn drop(&mut self) {
        let message = "the answer was forgotten".to_owned();
        // Refused, and rightly so, where it has ended.
        let _ = self.push(GenerationEvent::Failed(GenerationError::Internal { message }));
    }
}

impl Mailbox {
    /// Both ends of a new one.
    pub(crate) fn new(key: GenerationKey, wishes: Arc<Wishes>) -> (Outlet, Arc<Self>) {
        let mailbox = Arc::new(Self { key, state: Mutex::default(), news: Notify::new(), wishes });
        (Outlet { mailbox: Arc::clone(&mailbox) }, mailbox)
    }

    fn push(&self, event: GenerationEvent) -> Pushed {
        let mut state = lock(&self.state);
        if state.ended {
            return Pushed::Taken;
        }
        state.ended = event.is_end();
        state.waiting_bytes += weight(&event);
        let pushed = if state.waiting_bytes > WAITING_MAX_BYTES {
            state.ended = true;
            let message = format!("nobody read the answer: more than {WAITING_MAX_BYTES} bytes were waiting");
            state.waiting.push_back(GenerationEvent::Failed(GenerationError::Internal { message }));
            Pushed::GivenUp
        } else {
            append(&mut state.waiting, event);
            let is_behind = state.waiting_bytes > PAUSE_AT_BYTES && !state.paused && !state.ended;
            state.paused |= is_behind;
            if is_behind { Pushed::Pause } else { Pushed::Taken }
        };
        drop(state);
        self.news.notify_one();
        pushed
    }

    pub(crate) async fn next(&self) -> Option<GenerationEvent> {
        loop {
            let news = self.news.notified();
            {
                let mut state = lock(&self.state);
                if let Some(event) = state.waiting.pop_front() {
                    state.waiting_bytes -= weight(&event);
                    let may_go_on = state.paused && state.waiting_bytes <= RESUME_AT_BYTES;
                    state.paused &= !may_go_on;
                    let wishes = may_go_on && !state.ended;
                    drop(state);
                    if wishes {
                        self.wishes.push(Wish::Resume(self.key));
                    }
                    return Some(event);
                }
                if state.ended {
                    return None;
                }
            }
            news.await;
        }
    }

    pub(crate) fn ask_to_stop(&self) {
        let mut state = lock(&self.state);
        if !state.ended && !state.stop_asked {
            state.stop_asked = true;
            drop(state);
            self.wishes.push(Wish::Stop(self.key));
        }
    }
}

/// Merges `event` into the last one that waits where they are of a kind.
fn append(waiting: &mut VecDeque<GenerationEvent>, event: GenerationEvent) {
    match (waiting.back_mut(), event) {
        (
            Some(GenerationEvent::Text { kind, text, tokens, choices }),
            GenerationEvent::Text {
                kind: new_kind,
                text: new_text,
                tokens: new_tokens,
                choices: new_choices,
            },
        ) if *kind == new_kind && !tokens.is_empty() && !new_tokens.is_empty() => {
            text.push_str(&new_text);
            tokens.extend(new_tokens);
            choices.extend(new_choices);
        }
        (Some(last), event) if is_progress(last) && is_progress(&event) => *last = event,
        (_, event) => waiting.push_back(event),
    }
}

/// What an event counts for among those that wait.
fn weight(event: &GenerationEvent) -> usize {
    match event {
        GenerationEvent::Text { text, choices, .. } => {
            let told: usize = choices.iter().map(|choice| 1 + choice.top.len()).sum();
            text.len() + told * size_of::<TokenLikelihood>()
        }
        GenerationEvent::ToolCall { id, name, .. } => id.len() + name.len(),
        _ => 0,
    }
}

fn is_progress(event: &GenerationEvent) -> bool {
    matches!(
        event,
        GenerationEvent::Queued { .. } | GenerationEvent::Loading { .. } | GenerationEvent::Prefill { .. }
    )
}

/// Nothing that holds these locks can leave its data half-changed, so a poisoned one is as good.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
