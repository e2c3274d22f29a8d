//! Delivering messages. Each is in local storage, under a key of its own, before it is on its way, and stays there
//! until the server has acknowledged it. All tabs of this browser that know of it try; a lock for each message sees to
//! it that one tab at a time does, and whoever finds it gone from local storage knows that another one has sent it.

use std::time::Duration;

use gloo_events::EventListener;
use gloo_timers::future::sleep;
use shared::{ClientId, ConversationId, ErrorCode, SendAccepted, SendMessage, User};
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::spawn_local;
use web_sys::StorageEvent;

use super::Chat;
use super::send::{placeholder, question};
use crate::platform::{lock, storage, time, wake};
use crate::route::Route;
use crate::state::backoff;
use crate::state::failure::Failure;
use crate::state::outbox::{Delivery, Kept};
use crate::state::toasts::Offer;

/// Before this account's messages in local storage.
fn prefix(user: &User) -> String {
    format!("outbox.{}.", user.id)
}

/// The messages that were not acknowledged when the page was left.
pub(super) fn stored(user: &User) -> Vec<Kept> {
    let prefix = prefix(user);
    storage::below(&prefix).iter().filter_map(|id| storage::get(&format!("{prefix}{id}"))).collect()
}

/// What one tab takes out of local storage the others see a moment later, and a lock may reach them first: it is held
/// for so long after that.
const SETTLE: Duration = Duration::from_millis(200);

/// How one try to deliver ended.
enum Try {
    Accepted,
    /// Another tab has sent it, or a person has discarded it there.
    GoneElsewhere,
    Failed(Failure),
}

impl Chat {
    /// Keeps a message and sends it, after the one that is on its way to the same conversation.
    pub(super) fn post(&self, request: SendMessage, after: Option<ClientId>) {
        let kept = Kept::new(request, after);
        let is_stored = self.keep(&kept);
        if !is_stored {
            web_sys::console::warn_1(&"outbox: this browser stores nothing".into());
        }
        let id = kept.id();
        self.outbox.update(|outbox| outbox.push(kept, is_stored));
        self.deliver(id);
    }

    /// Sends a message again that did not go through; one whose id is taken under a new one.
    pub fn retry(&self, id: ClientId) {
        let is_taken = self.outbox.get().get(id).is_some_and(
            |entry| matches!(&entry.delivery, Delivery::Refused(error) if error.code == ErrorCode::Conflict),
        );
        let Some(renamed) = is_taken.then(|| self.outbox.update(|outbox| outbox.rename(id))).flatten() else {
            return self.deliver(id);
        };
        self.unkeep(id);
        self.deliver(renamed.id());
    }

    /// Sends everything again that waits.
    pub fn send_waiting(&self) {
        for kept in stored(&self.user) {
            if self.outbox.get().get(kept.id()).is_none() {
                self.outbox.update(|outbox| outbox.adopt(kept));
            }
        }
        for id in self.outbox.get().waiting() {
            self.deliver(id);
        }
    }

    /// Discards a message that did not go through, with an offer to take that back.
    pub fn discard(&self, id: ClientId) {
        let Some(kept) = self.take_out(id) else { return };
        self.note("Message discarded.".into(), false, Some(Offer::Keep(Box::new(kept))));
    }

    /// Takes a message out that was refused: its text goes back to the composer, after what is there.
    pub fn change(&self, id: ClientId) {
        let Some(kept) = self.take_out(id) else { return };
        let SendMessage { conversation_id, content, .. } = kept.request;
        let draft = self.draft(conversation_id);
        let text = if draft.is_empty() { content } else { format!("{draft}\n\n{content}") };
        self.set_draft(conversation_id, text);
    }

    /// Takes a discard back.
    pub fn keep_after_all(&self, kept: Kept) {
        let is_stored = self.keep(&kept);
        let id = kept.id();
        self.outbox.update(|outbox| outbox.push(kept, is_stored));
        self.deliver(id);
    }

    /// Follows what other tabs of this browser do with the messages of this account, until the listener is dropped.
    pub(super) fn follow_other_tabs(&self) -> Option<EventListener> {
        let (chat, prefix) = (self.clone(), storage::full(&prefix(&self.user)));
        let window = web_sys::window()?;
        Some(EventListener::new(&window, "storage", move |event| {
            let Some(event) = event.dyn_ref::<StorageEvent>() else { return };
            let id = event.key().and_then(|key| key.strip_prefix(&prefix)?.parse::<ClientId>().ok());
            let Some(id) = id else { return };
            match storage::get(&chat.key(id)) {
                Some(kept) => {
                    if chat.outbox.update(|outbox| outbox.adopt(kept)) {
                        chat.deliver(id);
                    }
                }
                None => chat.gone_elsewhere(id),
            }
        }))
    }

    fn take_out(&self, id: ClientId) -> Option<Kept> {
        let (entry, behind) = self.outbox.update(|outbox| outbox.remove(id))?;
        self.keep_changed(&behind);
        self.unkeep(id);
        self.send_waiting();
        Some(entry.kept)
    }

    /// Whether a message follows an answer of the open conversation that is still being written.
    fn follows_running(&self, id: ClientId) -> bool {
        let (open, outbox) = (self.open.get(), self.outbox.get());
        let parent = outbox.get(id).and_then(|entry| entry.kept.request.parent_id);
        parent.and_then(|id| open.get(id)).is_some_and(|parent| parent.status.is_running())
    }

    /// Tries to deliver a message until it is acknowledged or needs a person.
    fn deliver(&self, id: ClientId) {
        if self.follows_running(id) {
            return self.outbox.update(|outbox| outbox.hold(id));
        }
        let was_refused = self.outbox.get().get(id).is_some_and(|entry| entry.kept.refused.is_some());
        let Some((kept, mut attempt)) = self.outbox.update(|outbox| outbox.start(id)) else { return };
        // Only then: what another tab has delivered meanwhile must stay gone.
        if was_refused {
            self.keep(&kept);
        }
        let chat = self.clone();
        spawn_local(async move {
            loop {
                let failure = match chat.attempt(id).await {
                    Try::Accepted => return,
                    Try::GoneElsewhere => return chat.gone_elsewhere(id),
                    Try::Failed(failure) => failure,
                };
                // Whoever signs in again finds it kept.
                let signed_out = failure.code() == Some(ErrorCode::Unauthenticated);
                let failure = if signed_out { Failure::Unreachable } else { failure };
                let wait_ms = backoff::delay_ms(attempt, time::random()).max(failure.wait_ms().unwrap_or(0));
                let Some(failed) = chat.outbox.update(|outbox| outbox.fail(id, attempt, failure)) else {
                    return chat.keep_refused(id);
                };
                wake::wait(wait_ms).await;
                let still_waits = chat.outbox.get().get(id).is_some_and(
                    |entry| matches!(entry.delivery, Delivery::Waiting { attempt: now, .. } if now == failed),
                );
                if !still_waits || chat.closed.get() {
                    return;
                }
                attempt = match chat.outbox.update(|outbox| outbox.start(id)) {
                    Some((_, attempt)) => attempt,
                    None => return,
                };
            }
        });
    }

    /// One try, while no other tab tries.
    async fn attempt(&self, id: ClientId) -> Try {
        let chat = self.clone();
        lock::exclusive(&format!("oriel-send-{id}"), async move {
            let Some(entry) = chat.outbox.get().get(id).cloned() else { return Try::GoneElsewhere };
            let request = if entry.is_stored {
                match storage::get::<Kept>(&chat.key(id)) {
                    Some(kept) => kept.request,
                    None => return Try::GoneElsewhere,
                }
            } else {
                entry.kept.request
            };
            if chat.closed.get() {
                return Try::Failed(Failure::Unreachable);
            }
            match chat.client.send_message(&request).await {
                Ok(accepted) => {
                    // Still under the lock: the next tab must find it gone.
                    let behind = chat.outbox.update(|outbox| outbox.give_parent(id, &accepted));
                    chat.keep_changed(&behind);
                    chat.unkeep(id);
                    chat.acknowledge(id, &accepted);
                    sleep(SETTLE).await;
                    Try::Accepted
                }
                Err(failure) => Try::Failed(failure),
            }
        })
        .await
    }

    fn acknowledge(&self, id: ClientId, accepted: &SendAccepted) {
        let Some(entry) = self.outbox.get().get(id).cloned() else { return };
        let request = entry.kept.request;
        let open = self.open.get();
        let is_shown = open.id == request.conversation_id && (open.id.is_some() || entry.is_ours);
        if is_shown {
            let question = question(&request, accepted);
            let answer = placeholder(accepted, question.id, request.model.clone());
            self.open.update(|open| {
                open.id = Some(accepted.conversation_id);
                open.acknowledge(id, question, answer);
            });
        }
        self.outbox.update(|outbox| outbox.remove(id));
        if is_shown && open.id.is_none() && !self.closed.get() {
            self.navigator.push(&Route::Conversation { id: accepted.conversation_id });
        }
        self.refresh_list();
        self.send_waiting();
    }

    /// Another tab has delivered a message, or discarded it: the conversation tells which. Until it is here the message
    /// stays where it is.
    fn gone_elsewhere(&self, id: ClientId) {
        let Some(entry) = self.outbox.get().get(id).cloned() else { return };
        self.refresh_list();
        let chat = self.clone();
        spawn_local(async move {
            if chat.open.get().id.is_some_and(|open| entry.kept.request.conversation_id == Some(open)) {
                chat.fetch_messages(true).await;
            }
            // It is there again where somebody took a discard back meanwhile.
            if storage::get::<Kept>(&chat.key(id)).is_none() {
                chat.outbox.update(|outbox| outbox.remove(id));
            }
        });
    }

    fn keep_refused(&self, id: ClientId) {
        if let Some(entry) = self.outbox.get().get(id) {
            self.keep_changed([&entry.kept]);
        }
    }

    /// Keeps messages that have changed. What is gone from local storage stays gone.
    fn keep_changed<'a>(&self, all: impl IntoIterator<Item = &'a Kept>) {
        for kept in all {
            let key = self.key(kept.id());
            if storage::get::<Kept>(&key).is_some() {
                storage::set(&key, kept);
            }
        }
    }

    /// Keeps a message that is new to local storage. Whether it could be.
    fn keep(&self, kept: &Kept) -> bool {
        !self.closed.get() && storage::set(&self.key(kept.id()), kept)
    }

    /// Deletes all messages from local storage.
    pub(super) fn unkeep_all(&self) {
        for kept in stored(&self.user) {
            self.unkeep(kept.id());
        }
    }

    fn unkeep(&self, id: ClientId) {
        storage::remove(&self.key(id));
    }

    fn key(&self, id: ClientId) -> String {
        format!("{}{id}", prefix(&self.user))
    }

    /// Whether a message is just on its way to a conversation: news of it are about to come.
    pub(super) fn is_sending_to(&self, conversation: Option<ConversationId>) -> bool {
        self.outbox.get().of(conversation).any(|entry| entry.delivery == Delivery::Sending)
    }
}
