//! Sending, answering again, stopping.
//!
//! A message is in local storage before it is on its way, and stays there until the server has acknowledged it.

use shared::{
    Author, ClientId, ContextPolicy, ErrorCode, GenerationId, GenerationOptions, Message, MessageId,
    MessageStatus, Regenerate, SendAccepted, SendMessage, User,
};
use wasm_bindgen_futures::spawn_local;

use super::Chat;
use crate::platform::{storage, time, wake};
use crate::route::Route;
use crate::state::backoff;
use crate::state::failure::Failure;
use crate::state::outbox::Delivery;

fn outbox_key(user: &User) -> String {
    format!("outbox.{}", user.id)
}

/// The messages that were not acknowledged when the page was left.
pub fn stored(user: &User) -> Vec<SendMessage> {
    storage::get(&outbox_key(user)).unwrap_or_default()
}

impl Chat {
    /// Sends a message that follows the branch that is shown.
    pub fn send(&self, content: String) {
        let parent_id = self.open.get().leaf();
        self.post(content, parent_id);
    }

    /// Sends a changed message beside the one it was made from: a branch.
    pub fn edit(&self, id: MessageId, content: String) {
        if let Some(message) = self.open.get().get(id) {
            self.post(content, message.parent_id);
        }
    }

    /// Asks the question of an answer again at the start of a new branch, without what came before.
    pub fn ask_from_start(&self, answer: MessageId) {
        if let Some(question) = self.open.get().question_of(answer) {
            self.post(question.content.clone(), None);
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

    /// Ends an answer.
    pub fn stop(&self, generation: GenerationId) {
        let chat = self.clone();
        spawn_local(async move {
            if let Err(failure) = chat.client.stop(generation).await {
                chat.complain(format!("The answer could not be stopped. {failure}"));
            }
        });
    }

    /// Sends a message again that did not go through.
    pub fn retry(&self, id: ClientId) {
        if let Some(request) = self.outbox.update(|outbox| outbox.retry(id)) {
            self.deliver(request, 0);
        }
    }

    /// Sends everything again that waits.
    pub fn send_waiting(&self) {
        for id in self.outbox.get().waiting() {
            self.retry(id);
        }
    }

    /// Takes a message back that did not go through. Its text returns to the composer where that is empty.
    pub fn discard(&self, id: ClientId) {
        let Some(request) = self.outbox.update(|outbox| outbox.remove(id)) else { return };
        self.unstore(id);
        if self.draft(request.conversation_id).is_empty() {
            self.set_draft(request.conversation_id, request.content);
        }
    }

    fn post(&self, content: String, parent_id: Option<MessageId>) {
        let open = self.open.get();
        let models = self.models.get();
        let request = SendMessage {
            client_id: ClientId::new(),
            conversation_id: open.id,
            parent_id,
            from_start: open.id.is_some() && parent_id.is_none(),
            content,
            model: models.current(open.model.as_deref()).map(|model| model.id.clone()),
            options: GenerationOptions::default(),
        };
        let mut kept = stored(&self.user);
        kept.push(request.clone());
        if !storage::set(&outbox_key(&self.user), &kept) {
            web_sys::console::warn_1(&"outbox: this browser stores nothing".into());
        }
        self.outbox.update(|outbox| outbox.push(request.clone()));
        self.deliver(request, 0);
    }

    fn deliver(&self, request: SendMessage, tries_before: u32) {
        let chat = self.clone();
        spawn_local(async move {
            let failure = match chat.client.send_message(&request).await {
                Ok(accepted) => return chat.acknowledge(&request, &accepted),
                Err(failure) => failure,
            };
            let signed_out = failure.code() == Some(ErrorCode::Unauthenticated);
            let wait_ms = match &failure {
                Failure::Refused(error) if error.retry_after_s.is_some() => {
                    error.retry_after_s.unwrap_or_default().saturating_mul(1000)
                }
                _ => backoff::delay_ms(tries_before, time::random()),
            };
            let id = request.client_id;
            let failure = if signed_out { Failure::Unreachable } else { failure };
            let Some(attempt) = chat.outbox.update(|outbox| outbox.fail(id, tries_before, failure)) else {
                return;
            };
            wake::wait(wait_ms).await;
            let still_waits = chat.outbox.get().get(id).is_some_and(
                |entry| matches!(entry.delivery, Delivery::Waiting { attempt: now, .. } if now == attempt),
            );
            if still_waits
                && !chat.closed.get()
                && let Some(request) = chat.outbox.update(|outbox| outbox.retry(id))
            {
                chat.deliver(request, attempt);
            }
        });
    }

    fn acknowledge(&self, request: &SendMessage, accepted: &SendAccepted) {
        self.unstore(request.client_id);
        let open = self.open.get();
        if open.id == request.conversation_id {
            let question = question(request, accepted);
            let answer = placeholder(accepted, question.id, request.model.clone());
            self.open.update(|open| {
                open.id = Some(accepted.conversation_id);
                open.acknowledge(request.client_id, question, answer);
            });
        }
        self.outbox.update(|outbox| outbox.remove(request.client_id));
        if open.id.is_none() && request.conversation_id.is_none() {
            self.navigator.push(&Route::Conversation { id: accepted.conversation_id });
        }
        self.refresh_list();
    }

    fn unstore(&self, id: ClientId) {
        let mut kept = stored(&self.user);
        kept.retain(|request| request.client_id != id);
        let key = outbox_key(&self.user);
        if kept.is_empty() {
            storage::remove(&key);
        } else {
            storage::set(&key, &kept);
        }
    }
}

/// What the server stored of a message, as far as the page needs to know before it is told.
fn question(request: &SendMessage, accepted: &SendAccepted) -> Message {
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
fn placeholder(accepted: &SendAccepted, parent_id: MessageId, model: Option<String>) -> Message {
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
