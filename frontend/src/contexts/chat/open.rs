//! Opening a conversation, loading its messages, choosing its branch.

use std::rc::Rc;

use shared::{ConversationId, MessageId, UpdateConversation};
use wasm_bindgen_futures::spawn_local;

use super::Chat;
use crate::state::conversation::{Conversation, Load};

/// Conversations kept in memory besides the open one: the ones a person goes to and fro between.
const RECENT_MAX: usize = 8;

impl Chat {
    /// Opens a conversation, or a new one. One that was open before is shown at once and brought up to date.
    pub fn open(&self, id: Option<ConversationId>) {
        let is_there = |open: &Conversation| open.id == id && open.load != Load::Loading;
        if is_there(&self.open.get()) {
            return;
        }
        // Whoever comes back finds running answers as they were left.
        self.forget_answers();
        let open = self.open.get();
        if open.id.is_some() && open.load == Load::Ready {
            let mut recent = self.recent.borrow_mut();
            recent.retain(|other| other.id != open.id);
            recent.insert(0, open);
            recent.truncate(RECENT_MAX);
        }
        let Some(id) = id else {
            self.open.set(Conversation::default());
            return self.send_waiting();
        };
        let known = self.recent.borrow().iter().find(|other| other.id == Some(id)).map(Rc::clone);
        self.open.set(known.map_or_else(|| Conversation::loading(id), |known| (*known).clone()));
        self.reload(true);
        // What was held back for an answer that nobody follows any more.
        self.send_waiting();
    }

    /// Loads the newest messages of the open conversation (again). `with_branch` also takes over which branch is
    /// shown and which model is used.
    pub fn reload(&self, with_branch: bool) {
        let chat = self.clone();
        spawn_local(async move { chat.fetch_messages(with_branch).await });
    }

    /// As [`reload`](Self::reload), to its end.
    pub(super) async fn fetch_messages(&self, with_branch: bool) {
        let Some(id) = self.open.get().id else { return };
        let (conversation, messages) =
            futures_util::future::join(self.client.conversation(id), self.client.messages(id, None)).await;
        if self.open.get().id != Some(id) {
            return;
        }
        match (conversation, messages) {
            (Ok(conversation), Ok(page)) => self.open.update(|open| {
                let was_loading = open.load != Load::Ready;
                if was_loading || open.older_cursor.is_none() {
                    open.merge(page);
                } else {
                    open.refresh(page.items);
                }
                if with_branch || was_loading {
                    open.show(conversation.active_leaf_id);
                    open.model = conversation.model;
                }
            }),
            (Err(failure), _) | (_, Err(failure)) => self.open.update(|open| {
                if open.load != Load::Ready {
                    open.load = Load::Failed(failure);
                }
            }),
        }
        self.send_waiting();
    }

    /// Loads the open conversation again after it could not be had.
    pub fn load_again(&self) {
        self.open.update(|open| open.load = Load::Loading);
        self.reload(true);
    }

    /// Loads the messages before the oldest one here. Returns whether there were any.
    pub async fn load_older(&self) -> bool {
        let open = self.open.get();
        let (Some(id), Some(cursor)) = (open.id, open.older_cursor.clone()) else { return false };
        match self.client.messages(id, Some(&cursor)).await {
            Ok(page) if self.open.get().id == Some(id) => {
                self.open.update(|open| open.merge(page));
                true
            }
            Ok(_) => false,
            Err(failure) => {
                self.complain(format!("Earlier messages could not be loaded. {failure}"));
                false
            }
        }
    }

    /// Shows the sibling `step` places from a message, and what follows it.
    pub fn show_sibling(&self, id: MessageId, step: isize) {
        let open = self.open.get();
        let (Some(conversation), Some(leaf)) = (open.id, open.leaf_beside(id, step)) else { return };
        self.open.update(|open| open.show(Some(leaf)));
        let chat = self.clone();
        spawn_local(async move {
            let change = UpdateConversation { active_leaf_id: Some(leaf), ..UpdateConversation::default() };
            if let Err(failure) = chat.client.update_conversation(conversation, &change).await {
                chat.complain(format!("Your other devices will not show this branch yet. {failure}"));
            }
        });
    }
}
