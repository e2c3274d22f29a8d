//! The models.

use shared::UpdateConversation;
use wasm_bindgen_futures::spawn_local;

use super::Chat;
use crate::platform::storage;

/// Where the choice is kept for the next visit.
const CHOICE_KEY: &str = "model";

/// The model chosen on this device before.
pub fn stored_choice() -> Option<String> {
    storage::get(CHOICE_KEY)
}

impl Chat {
    /// Fetches the models again.
    pub fn refresh_models(&self) {
        let chat = self.clone();
        spawn_local(async move {
            match chat.client.models().await {
                Ok(items) => chat.models.update(|models| models.items = Some(items)),
                Err(failure) => {
                    web_sys::console::warn_1(&format!("models: {failure}").into());
                }
            }
        });
    }

    /// Chooses the model for the next messages.
    pub fn choose_model(&self, id: String) {
        storage::set(CHOICE_KEY, &id);
        self.models.update(|models| models.chosen = Some(id.clone()));
        self.open.update(|open| open.model = Some(id.clone()));
        let Some(conversation) = self.open.get().id else { return };
        let chat = self.clone();
        spawn_local(async move {
            let change = UpdateConversation { model: Some(id), ..UpdateConversation::default() };
            if let Err(failure) = chat.client.update_conversation(conversation, &change).await {
                // The choice goes with each message anyway.
                web_sys::console::warn_1(&format!("model: {failure}").into());
            }
        });
    }
}
