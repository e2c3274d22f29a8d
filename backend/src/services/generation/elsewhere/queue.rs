//! What waits to be hinted: each thing once, oldest first, in its newest state. Pure.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

/// A queue in which a key waits only once.
#[derive(Debug)]
pub struct Queue<K, V> {
    order: VecDeque<K>,
    values: HashMap<K, V>,
}

impl<K, V> Default for Queue<K, V> {
    fn default() -> Self {
        Self { order: VecDeque::new(), values: HashMap::new() }
    }
}

impl<K: Copy + Eq + Hash, V> Queue<K, V> {
    /// Puts `key` at the end, or replaces its value where it waits already.
    pub fn push(&mut self, key: K, value: V) {
        if self.values.insert(key, value).is_none() {
            self.order.push_back(key);
        }
    }

    /// The one that has waited longest.
    pub fn front(&self) -> Option<&V> {
        self.order.front().and_then(|key| self.values.get(key))
    }

    /// Takes the one that has waited longest.
    pub fn pop(&mut self) -> Option<V> {
        self.order.pop_front().and_then(|key| self.values.remove(&key))
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.order.len()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.order.clear();
        self.values.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_waits_once_in_its_newest_state_and_nobody_overtakes() {
        let mut queue = Queue::default();
        queue.push("a", 1);
        queue.push("b", 1);
        queue.push("a", 2);
        assert_eq!((queue.len(), queue.front()), (2, Some(&2)));
        assert_eq!((queue.pop(), queue.pop(), queue.pop()), (Some(2), Some(1), None));
        queue.push("a", 3);
        queue.clear();
        assert!(queue.is_empty());
    }
}
