//! What a person leaves behind in this browser when they sign out: nothing. A session that ends by itself leaves drafts and
//! messages where they are, for whoever signs in again as the same person.

use std::collections::BTreeMap;

use shared::ConversationId;

use super::{Chat, outbox};
use crate::platform::storage;

impl Chat {
    /// The texts that the server does not have: messages on their way, then drafts.
    pub fn unsent(&self) -> Vec<String> {
        let kept = outbox::stored(&self.user).into_iter().map(|kept| (kept.id(), kept.request.content));
        let mut messages: BTreeMap<_, _> = kept.collect();
        let outbox = self.outbox.get();
        messages.extend(outbox.iter().map(|entry| (entry.kept.id(), entry.kept.request.content.clone())));
        // What is in memory is newer than what is stored.
        let mut drafts: BTreeMap<Option<ConversationId>, String> = self
            .stored_drafts()
            .into_iter()
            .filter_map(|conversation| Some((conversation, storage::get(&self.draft_key(conversation))?)))
            .collect();
        drafts.extend(self.drafts.get().all().map(|(conversation, text)| (conversation, text.to_owned())));
        let drafts = drafts.into_values().filter(|text| !text.trim().is_empty());
        messages.into_values().chain(drafts).collect()
    }

    /// Deletes what is not sent from this browser. Nothing is sent or stored any more.
    pub fn leave(&self) {
        self.closed.set(true);
        for conversation in self.stored_drafts() {
            storage::remove(&self.draft_key(conversation));
        }
        self.unkeep_all();
    }
}
