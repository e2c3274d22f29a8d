//! Requests without a slot: who is next is fair between users, and everybody knows their place.

use std::collections::{BTreeMap, HashMap};

use crate::Priority;

/// Users whose last turn is remembered. Forgetting the oldest only makes its turn come a little early.
const USERS_REMEMBERED: usize = 1_024;

/// What the queue must know of a request.
pub(crate) trait Queued {
    fn user(&self) -> u128;
    fn priority(&self) -> Priority;
    /// Whether it could run at once: its prompt has been prepared, and it is not paused.
    fn is_ready(&self) -> bool;
}

/// The waiting requests by arrival, and when each user last had a turn.
#[derive(Debug)]
pub(crate) struct Waiting<T> {
    requests: BTreeMap<u64, T>,
    last_turns: HashMap<u128, u64>,
    turns: u64,
}

impl<T: Queued> Waiting<T> {
    pub(crate) fn new() -> Self {
        Self { requests: BTreeMap::new(), last_turns: HashMap::new(), turns: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.requests.len()
    }

    /// Adds a request; ids grow with the arrival.
    pub(crate) fn insert(&mut self, id: u64, request: T) {
        self.requests.insert(id, request);
    }

    pub(crate) fn get_mut(&mut self, id: u64) -> Option<&mut T> {
        self.requests.get_mut(&id)
    }

    pub(crate) fn remove(&mut self, id: u64) -> Option<T> {
        self.requests.remove(&id)
    }

    /// The request whose turn it is, of those of this priority that are ready: of the user whose last turn is longest
    /// ago, the oldest.
    pub(crate) fn next(&self, priority: Priority) -> Option<u64> {
        self.order(priority).first().copied()
    }

    /// Takes a request out for its turn. A side job does not count as one.
    pub(crate) fn take_turn(&mut self, id: u64) -> Option<T> {
        let request = self.requests.remove(&id)?;
        if request.priority() == Priority::Side {
            return Some(request);
        }
        self.turns += 1;
        self.last_turns.insert(request.user(), self.turns);
        if self.last_turns.len() > USERS_REMEMBERED {
            let oldest = self.last_turns.iter().min_by_key(|(_, turn)| **turn).map(|(user, _)| *user);
            oldest.and_then(|user| self.last_turns.remove(&user));
        }
        Some(request)
    }

    /// The ready requests in the order of their turns, if nobody else came.
    pub(crate) fn order(&self, priority: Priority) -> Vec<u64> {
        let mut rounds: HashMap<u128, u64> = HashMap::new();
        let mut order: Vec<(u64, u64, u64)> = Vec::new();
        for (id, request) in &self.requests {
            if request.is_ready() && request.priority() == priority {
                let round = rounds.entry(request.user()).or_default();
                let last_turn = self.last_turns.get(&request.user()).copied().unwrap_or(0);
                order.push((*round, last_turn, *id));
                *round += 1;
            }
        }
        order.sort_unstable();
        order.into_iter().map(|(_, _, id)| id).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Of(u128);
    impl Queued for Of {
        fn user(&self) -> u128 {
            self.0
        }
        fn priority(&self) -> Priority {
            Priority::Chat
        }
        fn is_ready(&self) -> bool {
            true
        }
    }

    fn turns(waiting: &mut Waiting<Of>) -> Vec<u64> {
        std::iter::from_fn(|| {
            let id = waiting.next(Priority::Chat)?;
            waiting.take_turn(id).map(|_| id)
        })
        .collect()
    }

    #[test]
    fn users_take_turns_however_many_requests_one_of_them_has() {
        let mut waiting = Waiting::new();
        for (id, user) in [(1, 7), (2, 7), (3, 7), (4, 8), (5, 9), (6, 8)] {
            waiting.insert(id, Of(user));
        }
        assert_eq!(waiting.order(Priority::Chat), [1, 4, 5, 2, 6, 3], "the places that were told");
        assert_eq!(turns(&mut waiting), [1, 4, 5, 2, 6, 3]);
    }

    #[test]
    fn who_just_had_a_turn_waits_for_the_others() {
        let mut waiting = Waiting::new();
        waiting.insert(1, Of(7));
        assert_eq!(turns(&mut waiting), [1]);
        waiting.insert(2, Of(7));
        waiting.insert(3, Of(8));
        assert_eq!(turns(&mut waiting), [3, 2]);
    }

    #[test]
    fn the_memory_of_turns_is_bounded() {
        let mut waiting = Waiting::new();
        for id in 0..3_000 {
            waiting.insert(id, Of(u128::from(id)));
            waiting.take_turn(id);
        }
        assert_eq!(waiting.last_turns.len(), USERS_REMEMBERED);
    }
}
