//! Sending, answering again, going on, stopping.

use gloo_net::http::Method;
use shared::{Continue, GenerationId, MessageId, Regenerate, SendAccepted, SendMessage, paths};

use super::Client;
use crate::state::failure::Failure;

impl Client {
    /// Sends a message, once: the outbox tries again. A repeat with the same `client_id` is harmless.
    pub async fn send_message(&self, message: &SendMessage) -> Result<SendAccepted, Failure> {
        self.call_once(Method::POST, paths::CHAT, Some(message)).await
    }

    /// Goes on with an answer that ended too early.
    pub async fn continue_answer(&self, id: MessageId, request: &Continue) -> Result<SendAccepted, Failure> {
        self.call(Method::POST, &paths::message_continue(id), Some(request)).await
    }

    /// Asks for another answer beside this one.
    pub async fn regenerate(&self, id: MessageId, request: &Regenerate) -> Result<SendAccepted, Failure> {
        self.call(Method::POST, &paths::message_regenerate(id), Some(request)).await
    }

    /// Ends an answer; one that has ended already is no failure.
    pub async fn stop(&self, id: GenerationId) -> Result<(), Failure> {
        self.tell(Method::POST, &paths::generation_stop(id), None::<&()>).await
    }
}
