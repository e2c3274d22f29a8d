//! Texts that are being composed, one for each conversation.

use std::collections::BTreeMap;

use shared::ConversationId;

/// All drafts of this page. The new conversation has one too, under none.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Drafts {
    texts: BTreeMap<Option<ConversationId>, String>,
}

impl Drafts {
    /// One draft; none where it was not looked for yet.
    pub fn get(&self, conversation: Option<ConversationId>) -> Option<&str> {
        self.texts.get(&conversation).map(String::as_str)
    }

    /// All drafts that were looked for or changed, with the conversations that they are for.
    pub fn all(&self) -> impl Iterator<Item = (Option<ConversationId>, &str)> {
        self.texts.iter().map(|(id, text)| (*id, text.as_str()))
    }

    /// Keeps a draft.
    pub fn set(&mut self, conversation: Option<ConversationId>, text: String) {
        self.texts.insert(conversation, text);
    }
}
