//! Hands the events of one answer from the pool to its consumer. The pool never waits: while nobody reads, events of
//! the same kind merge, and past a bound the answer is given up.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::{GenerationError, GenerationEvent};

/// Text that may wait for a consumer: ten minutes of one fast stream, while a thousand stuck ones take 256 MiB.
const LAG_MAX_BYTES: usize = 256 * 1024;

/// Numbers answers within one engine.
pub(crate) type GenerationKey = u64;

/// The answers that are to be stopped, for the pool to collect. Bounded by the answers that run: a key is asked for at
/// most once.
#[derive(Debug, Default)]
pub(crate) struct StopRequests {
    keys: Mutex<Vec<GenerationKey>>,
    news: Notify,
}

impl StopRequests {
    fn push(&self, key: GenerationKey) {
        lock(&self.keys).push(key);
        self.news.notify_one();
    }

    /// Waits until there are some.
    pub(crate) async fn take(&self) -> Vec<GenerationKey> {
        loop {
            let news = self.news.notified();
            let keys = std::mem::take(&mut *lock(&self.keys));
            if !keys.is_empty() {
                return keys;
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
    stops: Arc<StopRequests>,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<GenerationEvent>,
    waiting_bytes: usize,
    ended: bool,
    stop_asked: bool,
}

/// The consumer is so far behind that the answer was given up.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ConsumerStuck;

/// The pool's end of a mailbox. Whatever becomes of it, the answer ends: dropped before that, it says so itself.
#[derive(Debug)]
pub(crate) struct Outlet {
    mailbox: Arc<Mailbox>,
}

impl Outlet {
    /// Adds an event; nothing after the end. When too much waits, the mailbox ends itself with an error, and the
    /// worker should be told to stop.
    pub(crate) fn push(&self, event: GenerationEvent) -> Result<(), ConsumerStuck> {
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
    pub(crate) fn new(key: GenerationKey, stops: Arc<StopRequests>) -> (Outlet, Arc<Self>) {
        let mailbox = Arc::new(Self { key, state: Mutex::default(), news: Notify::new(), stops });
        (Outlet { mailbox: Arc::clone(&mailbox) }, mailbox)
    }

    fn push(&self, event: GenerationEvent) -> Result<(), ConsumerStuck> {
        let mut state = lock(&self.state);
        if state.ended {
            return Ok(());
        }
        state.ended = event.is_end();
        if let GenerationEvent::Text { text, .. } = &event {
            state.waiting_bytes += text.len();
        }
        let stuck = state.waiting_bytes > LAG_MAX_BYTES;
        if stuck {
            state.ended = true;
            let message = format!("nobody read the answer: more than {LAG_MAX_BYTES} bytes were waiting");
            state.waiting.push_back(GenerationEvent::Failed(GenerationError::Internal { message }));
        } else {
            append(&mut state.waiting, event);
        }
        drop(state);
        self.news.notify_one();
        if stuck { Err(ConsumerStuck) } else { Ok(()) }
    }

    pub(crate) async fn next(&self) -> Option<GenerationEvent> {
        loop {
            let news = self.news.notified();
            {
                let mut state = lock(&self.state);
                if let Some(event) = state.waiting.pop_front() {
                    if let GenerationEvent::Text { text, .. } = &event {
                        state.waiting_bytes -= text.len();
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
            self.stops.push(self.key);
        }
    }
}

/// Merges `event` into the last one that waits where they are of a kind.
fn append(waiting: &mut VecDeque<GenerationEvent>, event: GenerationEvent) {
    match (waiting.back_mut(), event) {
        (
            Some(GenerationEvent::Text { kind, text, tokens }),
            GenerationEvent::Text { kind: new_kind, text: new_text, tokens: new_tokens },
        ) if *kind == new_kind && !tokens.is_empty() && !new_tokens.is_empty() => {
            text.push_str(&new_text);
            tokens.extend(new_tokens);
        }
        (Some(last), event) if is_progress(last) && is_progress(&event) => *last = event,
        (_, event) => waiting.push_back(event),
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
