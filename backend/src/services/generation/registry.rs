//! The answers that run in this process: how to stop them, and what they were doing last.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shared::{GenerationId, StreamEvent};
use tokio_util::sync::CancellationToken;

/// All running answers. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    running: Arc<Mutex<HashMap<GenerationId, Running>>>,
}

#[derive(Debug, Default)]
struct Running {
    stop: CancellationToken,
    progress: Option<StreamEvent>,
}

/// The right to run an answer: as long as it lives, nobody else in this process can have it.
#[derive(Debug)]
pub struct Seat {
    id: GenerationId,
    stop: CancellationToken,
    registry: Registry,
}

impl Registry {
    /// Takes a generation; none where it runs already.
    pub fn take(&self, id: GenerationId) -> Option<Seat> {
        match self.lock().entry(id) {
            Entry::Occupied(_) => None,
            Entry::Vacant(vacant) => {
                let stop = vacant.insert(Running::default()).stop.clone();
                Some(Seat { id, stop, registry: self.clone() })
            }
        }
    }

    /// Asks for the end of an answer; nothing happens where it does not run here.
    pub fn stop(&self, id: GenerationId) {
        if let Some(running) = self.lock().get(&id) {
            running.stop.cancel();
        }
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
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    /// Is cancelled when somebody asks for the end.
    pub fn stop_asked(&self) -> &CancellationToken {
        &self.stop
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
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_run_by_one_at_a_time() {
        let registry = Registry::default();
        let id = GenerationId::new();
        let seat = registry.take(id).unwrap();
        assert!(registry.take(id).is_none());
        drop(seat);
        assert!(registry.take(id).is_some());
    }

    #[test]
    fn a_stop_reaches_its_answer_and_no_other() {
        let registry = Registry::default();
        let (one, other) = (GenerationId::new(), GenerationId::new());
        let (seat, other_seat) = (registry.take(one).unwrap(), registry.take(other).unwrap());
        registry.stop(one);
        registry.stop(one);
        assert!(seat.stop_asked().is_cancelled());
        assert!(!other_seat.stop_asked().is_cancelled());
    }
}
