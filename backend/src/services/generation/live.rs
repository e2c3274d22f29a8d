//! The live hub: tells the readers of this replica what has just happened.
//!
//! Runners and the flusher publish, readers subscribe. Nothing is kept for a reader: every topic is a ring, and a
//! reader that falls behind it is told so and goes to the journal. Text is published only after it is durable;
//! this room trusts its callers for that.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shared::{ConversationId, GenerationId, Message, StreamEvent, UserId};
use tokio::sync::broadcast;

/// Events that a topic keeps for its slowest reader: about ten seconds of a conversation with one running answer.
const RING_EVENTS: usize = 256;

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
    topics: Arc<Mutex<HashMap<Topic, broadcast::Sender<Arc<LiveEvent>>>>>,
}

impl LiveHub {
    /// Hears everything that is published on a topic from now on.
    pub fn subscribe(&self, topic: Topic) -> Subscription {
        let mut topics = self.lock();
        let receiver = topics.entry(topic).or_insert_with(|| broadcast::channel(RING_EVENTS).0).subscribe();
        Subscription { topic, receiver, hub: self.clone() }
    }

    /// Tells the readers of a topic. Costs nothing where there are none.
    pub fn publish(&self, topic: Topic, event: LiveEvent) {
        let topics = self.lock();
        if let Some(sender) = topics.get(&topic) {
            // An error says that the last reader is just leaving.
            let _ = sender.send(Arc::new(event));
        }
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

    fn lock(&self) -> MutexGuard<'_, HashMap<Topic, broadcast::Sender<Arc<LiveEvent>>>> {
        self.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn leave(&self, topic: Topic) {
        let mut topics = self.lock();
        // The leaver's own receiver still counts.
        if topics.get(&topic).is_some_and(|sender| sender.receiver_count() <= 1) {
            topics.remove(&topic);
        }
    }
}

/// One reader's ear on one topic.
#[derive(Debug)]
pub struct Subscription {
    topic: Topic,
    receiver: broadcast::Receiver<Arc<LiveEvent>>,
    hub: LiveHub,
}

impl Subscription {
    /// The next event, or that some were missed. Cancel-safe.
    pub async fn next(&mut self) -> Result<Arc<LiveEvent>, Lagged> {
        match self.receiver.recv().await {
            Ok(event) => Ok(event),
            Err(broadcast::error::RecvError::Lagged(_)) => Err(Lagged),
            // The topic stays as long as this subscription does.
            Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.hub.leave(self.topic);
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
        assert!(other.receiver.is_empty());
    }

    #[tokio::test]
    async fn a_slow_reader_is_told_that_it_missed_something_and_delays_nobody() {
        let hub = LiveHub::default();
        let user = UserId::new();
        let mut slow = hub.subscribe(Topic::User(user));
        for _ in 0..RING_EVENTS + 1 {
            hub.list_changed(user);
        }
        assert_eq!(slow.next().await.err(), Some(Lagged));
        assert!(slow.next().await.is_ok());
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
