//! The conversation list.

use shared::{ConversationId, UpdateConversation};
use wasm_bindgen_futures::spawn_local;

use super::Chat;
use crate::route::Route;
use crate::state::toasts::Offer;

impl Chat {
    /// Fetches the list again. While one fetch runs, news are answered by one more after it.
    pub fn refresh_list(&self) {
        if self.refreshing_list.replace(true) {
            self.list_is_stale.set(true);
            return;
        }
        let chat = self.clone();
        spawn_local(async move {
            loop {
                chat.list_is_stale.set(false);
                let result = chat.client.conversations(None).await;
                chat.list.update(|list| match result {
                    Ok(page) => list.refresh(page),
                    Err(failure) => list.failure = Some(failure),
                });
                if !chat.list_is_stale.get() {
                    break;
                }
            }
            chat.refreshing_list.set(false);
        });
    }

    /// Fetches the next page of the list.
    pub async fn load_more_conversations(&self) {
        let Some(cursor) = self.list.get().next_cursor.clone() else { return };
        match self.client.conversations(Some(&cursor)).await {
            Ok(page) => self.list.update(|list| list.append(page)),
            Err(failure) => self.complain(format!("Older conversations could not be loaded. {failure}")),
        }
    }

    /// Renames; shown at once, taken back where the server refuses.
    pub fn rename(&self, id: ConversationId, title: String) {
        let Some(before) = self.list.get().get(id).map(|row| row.title.clone()) else { return };
        self.list.update(|list| list.rename(id, &title));
        let chat = self.clone();
        spawn_local(async move {
            let change = UpdateConversation { title: Some(title), ..UpdateConversation::default() };
            if let Err(failure) = chat.client.update_conversation(id, &change).await {
                chat.list.update(|list| list.rename(id, &before));
                chat.complain(format!("The title could not be changed. {failure}"));
            }
        });
    }

    /// Deletes; hidden at once, with an offer to take it back.
    pub fn delete(&self, id: ConversationId) {
        self.list.update(|list| list.delete(id));
        if self.open.get().id == Some(id) {
            self.navigator.push(&Route::Home);
        }
        let chat = self.clone();
        spawn_local(async move {
            match chat.client.delete_conversation(id).await {
                Ok(()) => chat.note("Conversation deleted.".into(), false, Some(Offer::Restore(id))),
                Err(failure) => {
                    chat.list.update(|list| list.restore(id));
                    chat.complain(format!("The conversation could not be deleted. {failure}"));
                }
            }
        });
    }

    /// Takes a delete back, and opens the conversation where nothing else is open.
    pub fn restore(&self, id: ConversationId) {
        let chat = self.clone();
        spawn_local(async move {
            match chat.client.restore_conversation(id).await {
                Ok(()) => {
                    chat.list.update(|list| list.restore(id));
                    chat.refresh_list();
                    // Whoever has gone on to something else is not called back.
                    if chat.open.get().id.is_none() {
                        chat.navigator.push(&Route::Conversation { id });
                    }
                }
                Err(failure) => {
                    chat.complain(format!("The conversation could not be brought back. {failure}"))
                }
            }
        });
    }
}
