//! Messages that were sent and are not acknowledged yet. They are kept in local storage until they are, and every
//! try carries the same `client_id`, so that none is lost and none is sent twice.
//!
//! ```text
//! Behind ─→ Waiting ⇄ Sending ─→ (acknowledged: gone)
//!            ↑ ↑         │ (passing trouble: waits, and is tried again by itself)
//!            │ └ Refused ┘ (needs a person: send again, change or discard)
//!         Held (the answer that it follows is still being written)
//! ```

use serde::{Deserialize, Serialize};
use shared::{ApiError, ClientId, ConversationId, ErrorCode, SendAccepted, SendMessage};

use super::failure::Failure;

/// How often a fault of the server is tried again by itself: one that is no accident would repeat itself for ever.
const FAULTS_MAX: u32 = 3;

/// What is kept in local storage of a message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// What is sent, each time the same.
    pub request: SendMessage,
    /// The message that it follows, as long as that is not acknowledged: until then nobody knows its parent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<ClientId>,
    /// Why the server will not have it like this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<ApiError>,
}

impl Kept {
    /// A message that has just been composed.
    pub fn new(request: SendMessage, after: Option<ClientId>) -> Self {
        Self { request, after, refused: None }
    }

    /// Its id.
    pub fn id(&self) -> ClientId {
        self.request.client_id
    }
}

/// How far a message is.
#[derive(Clone, Debug, PartialEq)]
pub enum Delivery {
    /// Waits for the message before it.
    Behind,
    /// Waits for the end of the answer that it follows.
    Held,
    /// On its way, from this tab or from another one of this browser.
    Sending,
    /// Will be tried again.
    Waiting {
        /// Why it did not go through; none where it was not tried yet.
        failure: Option<Failure>,
        /// Tries that failed.
        attempt: u32,
    },
    /// The server will not have it like this.
    Refused(ApiError),
}

/// One message.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// What is kept of it.
    pub kept: Kept,
    /// How far it is.
    pub delivery: Delivery,
    /// Composed in this tab, or found when the page was opened; else another tab tells of it.
    pub is_ours: bool,
    /// Local storage has it. Where nothing can be stored it lives as long as the page.
    pub is_stored: bool,
}

impl Entry {
    /// Whether it needs a person.
    pub fn is_refused(&self) -> bool {
        matches!(self.delivery, Delivery::Refused(_))
    }
}

/// All messages on their way, oldest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outbox {
    entries: Vec<Entry>,
}

impl Outbox {
    /// The outbox after a reload: everything waits to be tried again, but what was refused.
    pub fn restored(all: Vec<Kept>) -> Self {
        let mut outbox = Self::default();
        // Twice, because one that stands behind another may come before it.
        for kept in all.iter().chain(&all) {
            outbox.put(kept.clone(), true, true);
        }
        outbox
    }

    /// The messages to show in a conversation. In a new one those that were composed here, and those that have lost
    /// their conversation.
    pub fn of(&self, conversation: Option<ConversationId>) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(move |entry| {
            entry.kept.request.conversation_id == conversation
                && (conversation.is_some() || entry.is_ours || entry.is_refused())
        })
    }

    /// All of them, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    /// One message.
    pub fn get(&self, id: ClientId) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.kept.id() == id)
    }

    /// The message that the next one of a conversation follows: the newest on its way to it.
    pub fn newest_of(&self, conversation: Option<ConversationId>) -> Option<&Entry> {
        self.of(conversation).filter(|entry| !entry.is_refused()).last()
    }

    /// The messages that wait to be sent, or to be tried again.
    pub fn waiting(&self) -> Vec<ClientId> {
        let waits = |entry: &&Entry| matches!(entry.delivery, Delivery::Waiting { .. } | Delivery::Held);
        self.entries.iter().filter(waits).map(|entry| entry.kept.id()).collect()
    }

    /// A message that was composed here.
    pub fn push(&mut self, kept: Kept, is_stored: bool) {
        self.put(kept, true, is_stored);
    }

    /// What another tab has written of a message. Returns whether it is new here.
    pub fn adopt(&mut self, kept: Kept) -> bool {
        match self.get(kept.id()).map(|entry| entry.is_ours) {
            None => {
                self.put(kept, false, true);
                true
            }
            Some(is_ours) => {
                self.put(kept, is_ours, true);
                false
            }
        }
    }

    /// A message that is not on its way waits for the end of the answer that it follows.
    pub fn hold(&mut self, id: ClientId) {
        let entry = self.entry(id).filter(|entry| entry.delivery != Delivery::Sending);
        if let Some(entry) = entry.filter(|entry| entry.delivery != Delivery::Behind) {
            entry.delivery = Delivery::Held;
        }
    }

    /// Tries. Returns what to send and the tries that have failed, unless it is on its way or must wait.
    pub fn start(&mut self, id: ClientId) -> Option<(Kept, u32)> {
        let entry = self.entry(id)?;
        let attempt = match entry.delivery {
            Delivery::Sending | Delivery::Behind => return None,
            Delivery::Waiting { attempt, .. } => attempt,
            Delivery::Refused(_) | Delivery::Held => 0,
        };
        entry.delivery = Delivery::Sending;
        entry.kept.refused = None;
        Some((entry.kept.clone(), attempt))
    }

    /// Gives a message that was refused because its id is taken a new one. Returns it.
    pub fn rename(&mut self, id: ClientId) -> Option<Kept> {
        let index = self.entries.iter().position(|entry| entry.kept.id() == id)?;
        let Entry { mut kept, is_ours, is_stored, .. } = self.entries.remove(index);
        kept.request.client_id = ClientId::new();
        self.put(kept.clone(), is_ours, is_stored);
        for follower in &mut self.entries {
            if follower.kept.after == Some(id) {
                follower.kept.after = Some(kept.id());
            }
        }
        Some(kept)
    }

    /// A try failed. Returns how many have, where it will be tried again.
    pub fn fail(&mut self, id: ClientId, tries_before: u32, failure: Failure) -> Option<u32> {
        let entry = self.entry(id)?;
        let is_fault = failure.code() == Some(ErrorCode::Internal) && tries_before + 1 < FAULTS_MAX;
        match failure {
            Failure::Refused(error) if !is_fault && !Failure::Refused(error.clone()).is_passing() => {
                if error.code == ErrorCode::NotFound {
                    // Its conversation is gone. What was written is not: it can begin another one.
                    entry.kept.request.conversation_id = None;
                    entry.kept.request.parent_id = None;
                    entry.kept.request.from_start = false;
                }
                entry.kept.refused = Some(error.clone());
                entry.delivery = Delivery::Refused(error);
                None
            }
            failure => {
                let attempt = tries_before + 1;
                entry.delivery = Delivery::Waiting { failure: Some(failure), attempt };
                Some(attempt)
            }
        }
    }

    /// The server has it: what stands behind it has a parent now and can be sent. Returns that; the message itself
    /// stays until it is removed.
    pub fn give_parent(&mut self, id: ClientId, accepted: &SendAccepted) -> Vec<Kept> {
        self.release(id, |request| {
            request.conversation_id = Some(accepted.conversation_id);
            request.parent_id = Some(accepted.message_id);
            request.from_start = false;
        })
    }

    /// Takes a message out. What stands behind it takes its place. Returns it, and what was behind it.
    pub fn remove(&mut self, id: ClientId) -> Option<(Entry, Vec<Kept>)> {
        let index = self.entries.iter().position(|entry| entry.kept.id() == id)?;
        let removed = self.entries.remove(index);
        let before = removed.kept.after;
        let released = match before {
            Some(before) => {
                let behind = self.entries.iter_mut().filter(|entry| entry.kept.after == Some(id));
                behind
                    .map(|entry| {
                        entry.kept.after = Some(before);
                        entry.kept.clone()
                    })
                    .collect()
            }
            None => self.release(id, |_| {}),
        };
        Some((removed, released))
    }

    fn release(&mut self, id: ClientId, change: impl Fn(&mut SendMessage)) -> Vec<Kept> {
        let behind = self.entries.iter_mut().filter(|entry| entry.kept.after == Some(id));
        behind
            .map(|entry| {
                change(&mut entry.kept.request);
                entry.kept.after = None;
                if entry.delivery == Delivery::Behind {
                    entry.delivery = Delivery::Waiting { failure: None, attempt: 0 };
                }
                entry.kept.clone()
            })
            .collect()
    }

    fn entry(&mut self, id: ClientId) -> Option<&mut Entry> {
        self.entries.iter_mut().find(|entry| entry.kept.id() == id)
    }

    /// Ids sort by the time they were made, and so do the messages.
    fn put(&mut self, kept: Kept, is_ours: bool, is_stored: bool) {
        let is_behind = kept.after.is_some_and(|before| self.get(before).is_some());
        let delivery = match (&kept.refused, self.get(kept.id())) {
            (Some(error), _) => Delivery::Refused(error.clone()),
            (None, _) if is_behind => Delivery::Behind,
            (None, Some(known))
                if matches!(
                    known.delivery,
                    Delivery::Sending | Delivery::Waiting { .. } | Delivery::Held
                ) =>
            {
                known.delivery.clone()
            }
            (None, _) => Delivery::Waiting { failure: None, attempt: 0 },
        };
        let id = kept.id();
        let entry = Entry { kept, delivery, is_ours, is_stored };
        self.entries.retain(|known| known.kept.id() != id);
        let index = self.entries.partition_point(|known| known.kept.id() < id);
        self.entries.insert(index, entry);
    }
}

#[cfg(test)]
mod tests;
