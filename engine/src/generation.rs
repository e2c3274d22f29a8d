//! One answer as its consumer holds it: the request and the handle.

use std::sync::Arc;

use crate::mailbox::Mailbox;
use crate::{GenerationEvent, ModelId, Priority, Prompt, SamplingParams, Token};

/// A request whose parts have been checked.
#[derive(Clone, Debug, PartialEq)]
pub struct GenerateRequest {
    /// Which model answers, from [`crate::Engine::resolve`].
    pub model: ModelId,
    /// On whose behalf: turns are fair between users, and what was evaluated for one is never reused for another.
    pub user: u128,
    /// In which of the user's conversations, so that what is kept of it can be forgotten: see [`crate::Engine::forget`].
    /// None where it belongs to none.
    pub conversation: Option<u128>,
    /// What to answer.
    pub prompt: Prompt,
    /// How to sample.
    pub sampling: SamplingParams,
    /// To continue an answer: the tokens of all its [`GenerationEvent::Text`] events so far, with the same prompt
    /// tokens and the same seed. Only what follows them is told. Normally empty.
    pub answer_so_far: Vec<Token>,
    /// How urgent it is.
    pub priority: Priority,
}

/// A running answer. Dropping it cancels the answer.
#[derive(Debug)]
pub struct Generation {
    mailbox: Arc<Mailbox>,
}

impl Generation {
    pub(crate) fn new(mailbox: Arc<Mailbox>) -> Self {
        Self { mailbox }
    }

    /// The next event; none after `Done` or `Failed`.
    pub async fn next(&mut self) -> Option<GenerationEvent> {
        self.mailbox.next().await
    }

    /// Ends the answer with `Done { reason: Stopped }` within one decode step. Cheap; may be called again.
    pub fn stop(&self) {
        self.mailbox.ask_to_stop();
    }
}

impl Drop for Generation {
    fn drop(&mut self) {
        self.mailbox.ask_to_stop();
    }
}
