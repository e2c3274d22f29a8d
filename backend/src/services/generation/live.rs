//! The live hub: tells the readers of this replica what has just happened.
//!
//! Runners and the flusher publish, readers subscribe. Next to nothing is kept for a reader: past a few seconds all of
//! it is thrown away, and the reader is told so and goes to the journal. One that waits for news costs some hundred
//! bytes. Text is published only after it is durable; this room trusts its callers for that.

use std::collections::{HashMap, VecDeque};
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use shared::{ConversationId, GenerationId, Message, StreamEvent, UserId};

/// Events that wait for one reader: a few seconds of a conversation with one running answer. What is older costs one
/// query.
pub const WAITING_EVENTS: usize = 64;
/// Room for so many events is kept when they have been read; more is given back.
const ROOM_EVENTS: usize = 4;

/// What a reader may hear about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Topic {
    /// The answers of one conversation.
    Conversation(ConversationId),
    /// Everything else that concerns one person: lists, titles, new messages.
    User(UserId),
}

/// Something that has just happened.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "every event lives behind one Arc, whatever its size")]
pub enum LiveEvent {
    /// Text, progress or news, as readers get it.
    Stream(StreamEvent),
    /// A generation has ended and its end is recorded.
    Ended(Ended),
}

/// The end of a generation.
#[derive(Clone, Debug)]
pub struct Ended {
    /// The run.
    pub generation_id: GenerationId,
    /// How many chunks its journal has.
    pub last_seq: u32,
    /// `done` or `error`.
    pub event: StreamEvent,
    /// The whole answer.
    pub message: Message,
}

/// Why a reader did not get an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lagged;

/// All topics that somebody listens to.
#[derive(Clone, Debug, Default)]
pub struct LiveHub {
    topics: Arc<Mutex<Topics>>,
}

type Topics = HashMap<Topic, Vec<Arc<Ear>>>;

impl LiveHub {
    /// Hears everything that is published on a topic from now on.
    pub fn subscribe(&self, topic: Topic) -> Subscription {
        let ear = Arc::new(Ear::default());
        self.lock().entry(topic).or_insert_with(|| Vec::with_capacity(1)).push(Arc::clone(&ear));
        Subscription { topic, ear, hub: self.clone() }
    }

    /// Tells the readers of a topic. Costs nothing where there are none.
    pub fn publish(&self, topic: Topic, event: LiveEvent) {
        let topics = self.lock();
        if let Some(ears) = topics.get(&topic) {
            let event = Arc::new(event);
            ears.iter().for_each(|ear| ear.push(Arc::clone(&event)));
        }
    }

    /// How many events wait for the readers of a topic.
    pub fn waiting(&self, topic: Topic) -> Vec<usize> {
        let topics = self.lock();
        topics
            .get(&topic)
            .map(|ears| ears.iter().map(|ear| ear.lock().waiting.len()).collect())
            .unwrap_or_default()
    }

    /// Whether somebody listens to a topic.
    pub fn has_readers(&self, topic: Topic) -> bool {
        self.lock().contains_key(&topic)
    }

    /// The conversations that somebody reads.
    pub fn conversations(&self) -> Vec<ConversationId> {
        let conversation = |topic: &Topic| match topic {
            Topic::Conversation(id) => Some(*id),
            Topic::User(_) => None,
        };
        self.lock().keys().filter_map(conversation).collect()
    }

    /// The people who listen.
    pub fn users(&self) -> Vec<UserId> {
        let user = |topic: &Topic| match topic {
            Topic::User(id) => Some(*id),
            Topic::Conversation(_) => None,
        };
        self.lock().keys().filter_map(user).collect()
    }

    /// The list of conversations of a person has changed.
    pub fn list_changed(&self, user: UserId) {
        self.publish(Topic::User(user), LiveEvent::Stream(StreamEvent::List {}));
    }

    fn lock(&self) -> MutexGuard<'_, Topics> {
        self.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn leave(&self, topic: Topic, ear: &Arc<Ear>) {
        let mut topics = self.lock();
        let Some(ears) = topics.get_mut(&topic) else { return };
        ears.retain(|other| !Arc::ptr_eq(other, ear));
        if ears.is_empty() {
            topics.remove(&topic);
        }
    }
}

/// What waits for one reader.
#[derive(Debug, Default)]
struct Ear {
    state: Mutex<EarState>,
}

#[derive(Debug, Default)]
struct EarState {
    waiting: VecDeque<Arc<LiveEvent>>,
    /// Something was thrown away, and the reader does not know yet.
    lagged: bool,
    reader: Option<Waker>,
}

impl Ear {
    fn lock(&self) -> MutexGuard<'_, EarState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, event: Arc<LiveEvent>) {
        let mut state = self.lock();
        if state.lagged {
            // It will read the journal, where this is too.
            return;
        }
        if state.waiting.len() >= WAITING_EVENTS {
            state.lagged = true;
            state.waiting = VecDeque::new();
        } else {
            state.waiting.push_back(event);
        }
        let reader = state.reader.take();
        drop(state);
        if let Some(reader) = reader {
            reader.wake();
        }
    }

    fn poll_next(&self, context: &Context<'_>) -> Poll<Result<Arc<LiveEvent>, Lagged>> {
        let mut state = self.lock();
        if std::mem::take(&mut state.lagged) {
            return Poll::Ready(Err(Lagged));
        }
        if let Some(event) = state.waiting.pop_front() {
            if state.waiting.is_empty() {
                state.waiting.shrink_to(ROOM_EVENTS);
            }
            return Poll::Ready(Ok(event));
        }
        match &mut state.reader {
            Some(reader) => reader.clone_from(context.waker()),
            none => *none = Some(context.waker().clone()),
        }
        Poll::Pending
    }
}

/// One reader's ear on one topic.
#[derive(Debug)]
pub struct Subscription {
    topic: Topic,
    ear: Arc<Ear>,
    hub: LiveHub,
}

impl Subscription {
    /// The next event, or that some were missed. Cancel-safe.
    pub async fn next(&mut self) -> Result<Arc<LiveEvent>, Lagged> {
        poll_fn(|context| self.ear.poll_next(context)).await
    }

    /// How many events wait for the reader.
    pub fn waiting(&self) -> usize {
        self.ear.lock().waiting.len()
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.hub.leave(self.topic, &self.ear);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_reader_of_a_topic_hears_and_no_other() {
        let hub = LiveHub::default();
        let (here, elsewhere) = (UserId::new(), UserId::new());
        let mut first = hub.subscribe(Topic::User(here));
        let mut second = hub.subscribe(Topic::User(here));
        let other = hub.subscribe(Topic::User(elsewhere));
        hub.list_changed(here);
        for reader in [&mut first, &mut second] {
            assert!(matches!(*reader.next().await.unwrap(), LiveEvent::Stream(StreamEvent::List {})));
        }
        assert_eq!(other.waiting(), 0);
    }

    #[tokio::test]
    async fn a_slow_reader_is_told_that_it_missed_something_and_delays_nobody() {
        let hub = LiveHub::default();
        let user = UserId::new();
        let mut slow = hub.subscribe(Topic::User(user));
        for _ in 0..WAITING_EVENTS + 100 {
            hub.list_changed(user);
        }
        assert_eq!(slow.waiting(), 0, "nothing is kept for it");
        assert_eq!(slow.next().await.err(), Some(Lagged));
        hub.list_changed(user);
        assert!(slow.next().await.is_ok(), "from then on it hears again");
    }

    #[tokio::test]
    async fn a_reader_that_waits_is_woken() {
        let hub = LiveHub::default();
        let user = UserId::new();
        let mut reader = hub.subscribe(Topic::User(user));
        let (heard, ()) = tokio::join!(reader.next(), async {
            tokio::task::yield_now().await;
            hub.list_changed(user);
        });
        assert!(heard.is_ok());
    }

    #[tokio::test]
    async fn a_topic_is_gone_with_its_last_reader() {
        let hub = LiveHub::default();
        let topic = Topic::User(UserId::new());
        let first = hub.subscribe(topic);
        let second = hub.subscribe(topic);
        drop(first);
        assert_eq!(hub.topics.lock().unwrap().len(), 1);
        drop(second);
        assert!(hub.topics.lock().unwrap().is_empty());
    }
}
