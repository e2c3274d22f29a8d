//! Messages that were sent and are not acknowledged yet. They are kept in local storage until they are, and every
//! try carries the same `client_id`, so that none is lost and none is sent twice.
//!
//! ```text
//! Sending ─→ (acknowledged: gone)
//!    ↑└────→ Waiting ─┐ (passing trouble: tried again by itself)
//!    │└────→ Refused  │ (needs a person: send again, change or discard)
//!    └────────────────┘
//! ```

use shared::{ApiError, ClientId, ConversationId, SendMessage};

use super::failure::Failure;

/// How far a message is.
#[derive(Clone, Debug, PartialEq)]
pub enum Delivery {
    /// On its way.
    Sending,
    /// Will be tried again.
    Waiting {
        /// Why it did not go through.
        failure: Failure,
        /// Tries that failed.
        attempt: u32,
    },
    /// The server will not have it like this.
    Refused(ApiError),
}

/// One message.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// What is sent, each time the same.
    pub request: SendMessage,
    /// How far it is.
    pub delivery: Delivery,
}

/// All messages on their way, oldest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outbox {
    entries: Vec<Entry>,
}

impl Outbox {
    /// The outbox after a reload: everything waits to be tried again.
    pub fn restored(requests: Vec<SendMessage>) -> Self {
        let waiting = |request| Entry {
            request,
            delivery: Delivery::Waiting { failure: Failure::Unreachable, attempt: 0 },
        };
        Self { entries: requests.into_iter().map(waiting).collect() }
    }

    /// What is kept in local storage.
    pub fn requests(&self) -> Vec<&SendMessage> {
        self.entries.iter().map(|entry| &entry.request).collect()
    }

    /// The messages of one conversation; of the one that does not exist yet for none.
    pub fn of(&self, conversation: Option<ConversationId>) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(move |entry| entry.request.conversation_id == conversation)
    }

    /// One message.
    pub fn get(&self, id: ClientId) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.request.client_id == id)
    }

    /// The messages that wait to be tried again.
    pub fn waiting(&self) -> Vec<ClientId> {
        self.entries
            .iter()
            .filter(|entry| matches!(entry.delivery, Delivery::Waiting { .. }))
            .map(|entry| entry.request.client_id)
            .collect()
    }

    /// A new message, on its way.
    pub fn push(&mut self, request: SendMessage) {
        self.entries.push(Entry { request, delivery: Delivery::Sending });
    }

    /// Tries again. Returns what to send, unless it is on its way already.
    pub fn retry(&mut self, id: ClientId) -> Option<SendMessage> {
        let entry = self.entries.iter_mut().find(|entry| entry.request.client_id == id)?;
        if entry.delivery == Delivery::Sending {
            return None;
        }
        entry.delivery = Delivery::Sending;
        Some(entry.request.clone())
    }

    /// A try failed. Returns how many have, where it will be tried again.
    pub fn fail(&mut self, id: ClientId, tries_before: u32, failure: Failure) -> Option<u32> {
        let entry = self.entries.iter_mut().find(|entry| entry.request.client_id == id)?;
        if failure.is_passing() {
            let attempt = tries_before + 1;
            entry.delivery = Delivery::Waiting { failure, attempt };
            return Some(attempt);
        }
        if let Failure::Refused(error) = failure {
            entry.delivery = Delivery::Refused(error);
        }
        None
    }

    /// Acknowledged, or discarded by a person.
    pub fn remove(&mut self, id: ClientId) -> Option<SendMessage> {
        let index = self.entries.iter().position(|entry| entry.request.client_id == id)?;
        Some(self.entries.remove(index).request)
    }
}

#[cfg(test)]
mod tests {
    use shared::{ErrorCode, GenerationOptions};

    use super::*;

    fn message(content: &str) -> SendMessage {
        SendMessage {
            client_id: ClientId::new(),
            conversation_id: None,
            parent_id: None,
            from_start: false,
            content: content.into(),
            model: None,
            options: GenerationOptions::default(),
        }
    }

    #[test]
    fn a_retry_sends_the_same_bytes_and_only_once_at_a_time() {
        let mut outbox = Outbox::default();
        let request = message("hello");
        outbox.push(request.clone());
        assert_eq!(outbox.retry(request.client_id), None);
        assert_eq!(outbox.fail(request.client_id, 0, Failure::Unreachable), Some(1));
        assert_eq!(outbox.waiting(), [request.client_id]);
        assert_eq!(outbox.retry(request.client_id), Some(request.clone()));
        assert_eq!(outbox.waiting(), []);
    }

    #[test]
    fn a_refused_message_waits_for_a_person() {
        let mut outbox = Outbox::default();
        let request = message("hello");
        outbox.push(request.clone());
        let error = ApiError::new(ErrorCode::UnknownModel, "no such model");
        assert_eq!(outbox.fail(request.client_id, 0, Failure::Refused(error.clone())), None);
        assert_eq!(outbox.waiting(), []);
        assert_eq!(
            outbox.get(request.client_id).map(|entry| &entry.delivery),
            Some(&Delivery::Refused(error))
        );
    }

    #[test]
    fn a_reload_brings_back_everything_that_was_not_acknowledged() {
        let mut outbox = Outbox::default();
        let (first, second) = (message("first"), message("second"));
        outbox.push(first.clone());
        outbox.push(second.clone());
        outbox.remove(first.client_id);
        let stored = serde_json::to_string(&outbox.requests()).unwrap();
        let restored = Outbox::restored(serde_json::from_str(&stored).unwrap());
        assert_eq!(restored.waiting(), [second.client_id]);
    }
}
