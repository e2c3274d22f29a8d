//! Collects what the other replicas should look at. Callers only leave word: nothing waits, nothing fails.
//!
//! The journal, runners and services call it after the fact is recorded; the [`sender`](super::sender) takes what
//! has come together.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shared::{ConversationId, GenerationId, StreamEvent, UserId};
use store::ReplicaId;
use tokio::sync::Notify;

use super::notice::{self, Hint, Key};
use super::queue::Queue;

/// More than half a second of notices can carry. Who falls so far behind tells the others to read for themselves.
const MOST_WAITING: usize = 2000;

/// The hints of this replica to the others. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Hints {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// How many other replicas live. Nothing is kept for nobody.
    others: AtomicU32,
    waiting: Mutex<Waiting>,
    work: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    hints: Queue<Key, Hint>,
    moved: Queue<GenerationId, GenerationId>,
}

impl Hints {
    /// Text of an answer was committed, or its end.
    pub fn moved(&self, generation: GenerationId) {
        self.leave(|waiting| waiting.moved.push(generation, generation));
    }

    /// An answer is about to be given; its messages are kept.
    pub fn begun(&self, user: UserId, conversation: ConversationId, generation: GenerationId) {
        self.say(Hint::Begun { user, conversation, generation });
    }

    /// What an answer is doing: `queued`, `loading`, `prefill` or `usage`. Anything else is left out.
    pub fn progress(&self, conversation: ConversationId, event: &StreamEvent) {
        if notice::subject(event).is_some() {
            self.say(Hint::Progress { conversation, event: Box::new(event.clone()) });
        }
    }

    /// A conversation has a new title.
    pub fn titled(&self, user: UserId, conversation: ConversationId) {
        self.say(Hint::Titled { user, conversation });
    }

    /// A conversation was deleted, and nothing of it is to be kept.
    pub fn forgotten(&self, user: UserId, conversation: ConversationId) {
        self.say(Hint::Forgotten { user, conversation });
    }

    /// The list of conversations of a person has changed.
    pub fn list_changed(&self, user: UserId) {
        self.say(Hint::List(user));
    }

    /// Whoever runs this answer should end it; that is recorded already.
    pub fn stop(&self, generation: GenerationId) {
        self.say(Hint::Stop(generation));
    }

    /// This replica has given its lease back.
    pub(super) fn left(&self) {
        self.say(Hint::Left);
    }

    /// This replica has taken its share of answers without an owner.
    pub(super) fn shared(&self) {
        self.say(Hint::Shared);
    }

    /// How many other replicas live, as the last heartbeat found. The first one may have missed something.
    pub fn set_others(&self, others: u32) {
        if self.inner.others.swap(others, Ordering::Relaxed) == 0 && others > 0 {
            self.lost();
        }
    }

    /// What waited is gone: the others must read for themselves.
    pub(super) fn lost(&self) {
        self.leave(|waiting| {
            waiting.hints.clear();
            waiting.moved.clear();
            waiting.hints.push(Key::Lost, Hint::Lost);
        });
    }

    /// Waits until there is something to send.
    pub(super) async fn waiting(&self) {
        while self.lock().is_empty() {
            self.inner.work.notified().await;
        }
    }

    /// Takes what fits into one notice; none where nothing waits.
    pub(super) fn take(&self, from: ReplicaId) -> Option<String> {
        let mut waiting = self.lock();
        let Waiting { hints, moved } = &mut *waiting;
        (!hints.is_empty() || !moved.is_empty()).then(|| notice::write(from, hints, moved))
    }

    fn say(&self, hint: Hint) {
        self.leave(|waiting| waiting.hints.push(hint.key(), hint));
    }

    fn leave(&self, word: impl FnOnce(&mut Waiting)) {
        if self.inner.others.load(Ordering::Relaxed) == 0 {
            return;
        }
        let mut waiting = self.lock();
        word(&mut waiting);
        let too_many = waiting.hints.len() + waiting.moved.len() > MOST_WAITING;
        drop(waiting);
        self.inner.work.notify_one();
        if too_many {
            self.lost();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.inner.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn is_empty(&self) -> bool {
        self.hints.is_empty() && self.moved.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::super::notice::Notice;
    use super::*;

    fn taken(hints: &Hints) -> Option<Notice> {
        hints.take(ReplicaId::new()).map(|text| Notice::parse(&text).unwrap())
    }

    #[test]
    fn nothing_is_kept_for_nobody_and_the_first_other_is_told_to_read() {
        let hints = Hints::default();
        hints.list_changed(UserId::new());
        assert_eq!(taken(&hints), None);
        hints.set_others(1);
        assert_eq!(taken(&hints).unwrap().hints, [Hint::Lost]);
        hints.set_others(2);
        assert_eq!(taken(&hints), None);
    }

    #[test]
    fn too_many_hints_become_one() {
        let hints = Hints::default();
        hints.set_others(1);
        taken(&hints);
        (0..=MOST_WAITING).for_each(|_| hints.moved(GenerationId::new()));
        let notice = taken(&hints).unwrap();
        assert_eq!((notice.moved, notice.hints), (Vec::new(), vec![Hint::Lost]));
        assert_eq!(taken(&hints), None);
    }
}
