//! The answers that run in this process: how to stop them, and what they were doing last.
//!
//! A runner that was frozen may still sit here when its generation is claimed once more. Whoever claimed it takes over:
//! the runner of the earlier epoch is told that it lost, and leaves first.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shared::{GenerationId, StreamEvent};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// All running answers. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    running: Mutex<HashMap<GenerationId, Running>>,
    /// Somebody has left.
    left: Notify,
}

#[derive(Debug)]
struct Running {
    epoch: u32,
    stop: CancellationToken,
    lost: CancellationToken,
    progress: Option<StreamEvent>,
}

/// The right to run an answer: as long as it lives, nobody else in this process can have it.
#[derive(Debug)]
pub struct Seat {
    id: GenerationId,
    stop: CancellationToken,
    lost: CancellationToken,
    registry: Registry,
}

impl Registry {
    /// Takes a generation; none where it runs already.
    pub fn take(&self, id: GenerationId, epoch: u32) -> Option<Seat> {
        match self.lock().entry(id) {
            Entry::Occupied(_) => None,
            Entry::Vacant(vacant) => {
                let (stop, lost) = (CancellationToken::new(), CancellationToken::new());
                vacant.insert(Running { epoch, stop: stop.clone(), lost: lost.clone(), progress: None });
                Some(Seat { id, stop, lost, registry: self.clone() })
            }
        }
    }

    /// Takes a generation from a runner of an earlier epoch, which leaves first. None where one of the same or a later
    /// epoch runs it.
    pub async fn take_over(&self, id: GenerationId, epoch: u32) -> Option<Seat> {
        loop {
            let left = self.inner.left.notified();
            tokio::pin!(left);
            left.as_mut().enable();
            if let Some(seat) = self.take(id, epoch) {
                return Some(seat);
            }
            if let Some(running) = self.lock().get(&id) {
                if running.epoch >= epoch {
                    return None;
                }
                running.lost.cancel();
            }
            left.await;
        }
    }

    /// Asks for the end of an answer; nothing happens where it does not run here.
    pub fn stop(&self, id: GenerationId) {
        if let Some(running) = self.lock().get(&id) {
            running.stop.cancel();
        }
    }

    /// How many answers run here.
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// Whether nothing runs here.
    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// Whether an answer runs here.
    pub fn is_running(&self, id: GenerationId) -> bool {
        self.lock().contains_key(&id)
    }

    /// What an answer without text was doing last.
    pub fn progress(&self, id: GenerationId) -> Option<StreamEvent> {
        self.lock().get(&id).and_then(|running| running.progress.clone())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<GenerationId, Running>> {
        self.inner.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    /// Is cancelled when somebody asks for the end.
    pub fn stop_asked(&self) -> &CancellationToken {
        &self.stop
    }

    /// Is cancelled when the generation has another owner, or a later epoch.
    pub fn lost(&self) -> &CancellationToken {
        &self.lost
    }

    /// Remembers what the answer is doing, for readers that come later.
    pub fn set_progress(&self, event: StreamEvent) {
        if let Some(running) = self.registry.lock().get_mut(&self.id) {
            running.progress = Some(event);
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.registry.lock().remove(&self.id);
        self.registry.inner.left.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_run_by_one_at_a_time() {
        let registry = Registry::default();
        let id = GenerationId::new();
        let seat = registry.take(id, 1).unwrap();
        assert!(registry.take(id, 1).is_none());
        drop(seat);
        assert!(registry.take(id, 1).is_some());
    }

    #[test]
    fn a_stop_reaches_its_answer_and_no_other() {
        let registry = Registry::default();
        let (one, other) = (GenerationId::new(), GenerationId::new());
        let (seat, other_seat) = (registry.take(one, 1).unwrap(), registry.take(other, 1).unwrap());
        registry.stop(one);
        registry.stop(one);
        assert!(seat.stop_asked().is_cancelled());
        assert!(!other_seat.stop_asked().is_cancelled());
    }

    #[tokio::test]
    async fn a_later_epoch_takes_over_when_the_earlier_one_has_left() {
        let registry = Registry::default();
        let id = GenerationId::new();
        let old = registry.take(id, 1).unwrap();
        let lost = old.lost().clone();
        let leaving = async {
            lost.cancelled().await;
            drop(old);
        };
        let (new, ()) = tokio::join!(registry.take_over(id, 2), leaving);
        let new = new.unwrap();
        assert!(!new.lost().is_cancelled() && registry.is_running(id));
        assert!(registry.take_over(id, 2).await.is_none(), "a claim is run once");
        assert!(registry.take_over(id, 1).await.is_none());
        assert!(!new.lost().is_cancelled());
    }
}
