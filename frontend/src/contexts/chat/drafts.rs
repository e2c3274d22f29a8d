//! Drafts: in memory while the page is open, in local storage across reloads.

use shared::ConversationId;

use super::Chat;
use crate::platform::storage;

impl Chat {
    /// The draft of a conversation.
    pub fn draft(&self, conversation: Option<ConversationId>) -> String {
        match self.drafts.get().get(conversation) {
            Some(text) => text.to_owned(),
            None => storage::get(&self.draft_key(conversation)).unwrap_or_default(),
        }
    }

    /// Keeps the draft of a conversation.
    pub fn set_draft(&self, conversation: Option<ConversationId>, text: String) {
        let key = self.draft_key(conversation);
        if self.closed.get() {
            // Whoever signs out leaves nothing behind.
        } else if text.is_empty() {
            storage::remove(&key);
        } else {
            // Where nothing can be stored, the draft still lives as long as the page.
            storage::set(&key, &text);
        }
        self.drafts.update(|drafts| drafts.set(conversation, text));
    }

    /// The conversations of which local storage has drafts.
    pub(super) fn stored_drafts(&self) -> Vec<Option<ConversationId>> {
        let of_conversations = storage::below(&format!("draft.{}.", self.user.id));
        let of_conversations = of_conversations.iter().filter_map(|id| id.parse().ok()).map(Some);
        std::iter::once(None).chain(of_conversations).collect()
    }

    pub(super) fn draft_key(&self, conversation: Option<ConversationId>) -> String {
        match conversation {
            Some(id) => format!("draft.{}.{id}", self.user.id),
            None => format!("draft.{}", self.user.id),
        }
    }
}
