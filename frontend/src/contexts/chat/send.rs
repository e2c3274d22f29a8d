//! Sending, answering again, going on, stopping. What happens to a message until the server has it: `outbox`.

use shared::{
    Author, ClientId, ContextPolicy, Continue, GenerationId, GenerationOptions, Message, MessageId,
    MessageStatus, Regenerate, SendAccepted, SendMessage,
};
use wasm_bindgen_futures::spawn_local;

use super::Chat;
use crate::platform::time;

impl Chat {
    /// Sends a message that follows the branch that is shown, and whatever is on its way to it.
    pub fn send(&self, content: String) {
        let open = self.open.get();
        let outbox = self.outbox.get();
        match outbox.newest_of(open.id) {
            Some(before) => {
                let before = &before.kept;
                self.post(self.message(content, before.request.parent_id), Some(before.id()));
            }
            None => self.post(self.message(content, open.leaf()), None),
        }
    }

    /// Sends a changed message beside the one it was made from: a branch.
    pub fn edit(&self, id: MessageId, content: String) {
        if let Some(message) = self.open.get().get(id) {
            self.post(self.message(content, message.parent_id), None);
        }
    }

    /// Asks the question of an answer again at the start of a new branch, without what came before.
    pub fn ask_from_start(&self, answer: MessageId) {
        if let Some(question) = self.open.get().question_of(answer) {
            self.post(self.message(question.content.clone(), None), None);
        }
    }

    /// Asks for another answer beside this one.
    pub fn regenerate(&self, id: MessageId, context_policy: ContextPolicy) {
        let open = self.open.get();
        let models = self.models.get();
        let model = models.current(open.model.as_deref()).map(|model| model.id.clone());
        let options = GenerationOptions { context_policy, ..GenerationOptions::default() };
        let request = Regenerate { client_id: ClientId::new(), model: model.clone(), options };
        let Some(parent_id) = open.get(id).and_then(|message| message.parent_id) else { return };
        let chat = self.clone();
        spawn_local(async move {
            match chat.client.regenerate(id, &request).await {
                Ok(accepted) if chat.open.get().id == Some(accepted.conversation_id) => {
                    let answer = placeholder(&accepted, parent_id, model);
                    chat.open.update(|open| open.begin_answer(answer));
                }
                Ok(_) => {}
                Err(failure) => chat.complain(format!("No new answer was begun. {failure}")),
            }
        });
    }

    /// Goes on with an answer that failed, was stopped or reached its length: a sibling that takes its place.
    pub fn continue_answer(&self, id: MessageId) {
        let Some(answer) = self.open.get().get(id).cloned() else { return };
        let request = Continue { client_id: ClientId::new() };
        let chat = self.clone();
        spawn_local(async move {
            match chat.client.continue_answer(id, &request).await {
                Ok(accepted) if chat.open.get().id == Some(accepted.conversation_id) => {
                    let longer = Message {
                        id: accepted.message_id,
                        status: MessageStatus::Pending,
                        generation_id: Some(accepted.generation_id),
                        continues: Some(id),
                        finish_reason: None,
                        error: None,
                        ..(*answer).clone()
                    };
                    chat.open.update(|open| open.begin_answer(longer));
                }
                Ok(_) => {}
                Err(failure) => chat.complain(format!("The answer does not go on. {failure}")),
            }
        });
    }

    /// Ends an answer. Whether the server has taken note; if not, that was told.
    pub async fn stop(&self, generation: GenerationId) -> bool {
        let result = self.client.stop(generation).await;
        if let Err(failure) = &result {
            self.complain(format!("The answer could not be stopped. {failure}"));
        }
        result.is_ok()
    }

    fn message(&self, content: String, parent_id: Option<MessageId>) -> SendMessage {
        let open = self.open.get();
        let models = self.models.get();
        SendMessage {
            client_id: ClientId::new(),
            conversation_id: open.id,
            parent_id,
            from_start: open.id.is_some() && parent_id.is_none(),
            content,
            model: models.current(open.model.as_deref()).map(|model| model.id.clone()),
            options: GenerationOptions::default(),
        }
    }
}

/// What the server stored of a message, as far as the page needs to know before it is told.
pub(super) fn question(request: &SendMessage, accepted: &SendAccepted) -> Message {
    Message {
        id: accepted.user_message_id,
        conversation_id: accepted.conversation_id,
        parent_id: request.parent_id,
        role: Author::User,
        content: request.content.clone(),
        reasoning: String::new(),
        status: MessageStatus::Complete,
        timestamp: time::now(),
        code_blocks: Vec::new(),
        model: None,
        generation_id: None,
        usage: None,
        finish_reason: None,
        error: None,
        omitted_message_ids: Vec::new(),
        continues: None,
    }
}

/// An answer that has not begun.
pub(super) fn placeholder(accepted: &SendAccepted, parent_id: MessageId, model: Option<String>) -> Message {
    Message {
        id: accepted.message_id,
        conversation_id: accepted.conversation_id,
        parent_id: Some(parent_id),
        role: Author::Assistant,
        content: String::new(),
        reasoning: String::new(),
        status: MessageStatus::Pending,
        timestamp: time::now(),
        code_blocks: Vec::new(),
        model,
        generation_id: Some(accepted.generation_id),
        usage: None,
        finish_reason: None,
        error: None,
        omitted_message_ids: Vec::new(),
        continues: None,
    }
}
