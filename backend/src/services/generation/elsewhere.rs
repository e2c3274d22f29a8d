//! Several servers on one database: what happens here is hinted to the others, and what they hint is looked up.
//!
//! ```text
//! here:   commit ──→ live hub          ┄┄→ hints ──NOTIFY, at most 20 a second──→ the others
//! there:  listener ──hints──→ follower ──one query for all that is watched──→ live hub ──→ readers
//! ```
//!
//! A hint says that something happened, never what was written: text comes from the journal alone. Hints may be lost,
//! repeated and late. Whoever watches an answer asks once a second anyway, and a replica that has missed hints reads
//! again what its readers watch. Nothing here is waited for by a runner, the journal or a request.

mod follower;
pub mod hints;
mod listener;
mod lists;
mod notice;
mod queue;
mod sender;
mod takeover;

use std::sync::atomic::Ordering;
use std::time::Duration;

use shared::{ConversationId, GenerationId, Message, SendAccepted, StreamEvent, UserId};
use store::{GenerationRow, Place, StoreError};

use super::Generations;
use super::live::{LiveEvent, Topic};
use notice::Hint;

pub use follower::{Follower, POLL_EVERY};
pub use hints::Hints;
pub use listener::run as listen;
pub(super) use lists::Lists;
pub use sender::run as send;
pub(super) use takeover::Orphaned;
pub use takeover::{Occasion, ROUND};

/// An answer may have been begun or ended so much longer ago than a hint that was missed.
const MARGIN: Duration = Duration::from_secs(30);

impl Generations {
    /// The list of conversations of a person has changed: tells their pages, wherever they are connected.
    pub fn list_changed(&self, user: UserId) {
        self.hub().list_changed(user);
        self.hints().list_changed(user);
    }

    /// A conversation has a new title.
    pub fn titled(&self, user: UserId, conversation_id: ConversationId, title: String) {
        let event = StreamEvent::Title { conversation_id, title };
        self.hub().publish(Topic::User(user), LiveEvent::Stream(event));
        self.hints().titled(user, conversation_id);
        self.list_changed(user);
    }

    /// A conversation was deleted: no server keeps anything of it in its models.
    pub async fn forget(&self, user: UserId, conversation: ConversationId) {
        self.hints().forgotten(user, conversation);
        self.traces().forget(user, conversation).await;
    }

    /// An answer is about to be given: two devices stay in step. The sender does not wait for it; what is missed is
    /// found by the next fetch.
    pub fn begun(&self, user: UserId, ids: SendAccepted) {
        self.list_changed(user);
        self.hints().begun(user, ids.conversation_id, ids.generation_id);
        let place =
            Place { user_id: user, conversation_id: ids.conversation_id, generation_id: ids.generation_id };
        self.show_later(place);
    }

    /// Ends an answer as stopped, wherever it runs; that is recorded already.
    pub fn stop(&self, id: GenerationId) {
        self.stop_here(id);
        if !self.inner.registry.is_running(id) {
            self.hints().stop(id);
        }
    }

    /// Ends the answers of this replica whose end was asked for and not heard of.
    pub async fn end_stopped(&self) {
        if self.inner.registry.is_empty() {
            return;
        }
        match self.store().stopping_generations(self.owner()).await {
            Ok(ids) => ids.into_iter().for_each(|id| self.stop_here(id)),
            Err(error) => tracing::debug!(%error, "cannot ask which answers were stopped"),
        }
    }

    /// Returns when another replica has said that there are answers without an owner, and why.
    pub async fn orphaned(&self) -> Occasion {
        self.inner.orphaned.next().await
    }

    /// Tells the others that the lease of this replica was given back.
    pub async fn say_goodbye(&self) {
        self.hints().left();
        if let Err(error) = sender::send_rest(self.store(), self.hints(), self.owner()).await {
            tracing::debug!(%error, "the other replicas were not told; they find out by themselves");
        }
    }

    /// Lets the readers of this replica hear of an unfinished answer, from behind a chunk on, that does not run here.
    pub(super) fn follow(&self, row: &GenerationRow, after_seq: u32) {
        let place =
            Place { user_id: row.user_id, conversation_id: row.conversation_id, generation_id: row.id };
        if !self.inner.registry.is_running(row.id) {
            self.inner.follower.watch(place, after_seq);
        }
    }

    /// What an answer without text was doing last, wherever it runs.
    pub(super) fn progress(&self, id: GenerationId) -> Option<StreamEvent> {
        self.inner.registry.progress(id).or_else(|| self.inner.follower.progress(id))
    }

    /// Follows a replica's hint.
    fn heed(&self, hint: Hint) {
        match hint {
            Hint::Begun { user, conversation, generation } => self.look_at(Place {
                user_id: user,
                conversation_id: conversation,
                generation_id: generation,
            }),
            Hint::Progress { conversation, event } => self.inner.follower.progressed(conversation, *event),
            Hint::Titled { user, conversation } => self.show_title_later(user, conversation),
            Hint::List(user) => self.hub().list_changed(user),
            Hint::Forgotten { user, conversation } => {
                let traces = self.traces().clone();
                self.spawn_side_job(async move { traces.forget(user, conversation).await });
            }
            Hint::Stop(id) => self.stop_here(id),
            Hint::Lost => self.read_again_later(),
            Hint::Left => self.inner.orphaned.leave(Occasion::Due),
            Hint::Shared => self.inner.orphaned.leave(Occasion::Shared),
        }
    }

    /// Another server has dropped its hints. However many say so, one query waits at a time.
    fn read_again_later(&self) {
        if self.inner.reads_again.swap(true, Ordering::Relaxed) {
            return;
        }
        let generations = self.clone();
        self.spawn_side_job(async move {
            // What is dropped from now on is not in the query.
            generations.inner.reads_again.store(false, Ordering::Relaxed);
            if let Err(error) = generations.read_again(MARGIN).await {
                tracing::debug!(%error, "what hints told was not read");
            }
        });
    }

    /// Hints of so long ago were missed: reads what readers here would have heard.
    async fn read_again(&self, deaf_for: Duration) -> Result<(), StoreError> {
        self.inner.follower.all_moved();
        self.traces().sweep().await?;
        let conversations = self.hub().conversations();
        if !conversations.is_empty() {
            for recent in self.store().recent_generations(&conversations, deaf_for + MARGIN).await? {
                match recent.is_unfinished {
                    true => self.look_at(recent.place),
                    false => self.show(recent.place).await?,
                }
            }
        }
        if self.inner.lists.add(self.hub().users()) {
            self.spawn_side_job(self.inner.lists.clone().tell(self.hub().clone()));
        }
        Ok(())
    }

    /// An answer of another replica that is new to the readers here, if there are any.
    fn look_at(&self, place: Place) {
        let has_readers = self.hub().has_readers(Topic::Conversation(place.conversation_id));
        let is_known = self.inner.registry.is_running(place.generation_id);
        if has_readers && !is_known && self.inner.follower.watch(place, 0) {
            self.show_later(place);
        }
    }

    fn show_later(&self, place: Place) {
        let generations = self.clone();
        self.spawn_side_job(async move {
            if let Err(error) = generations.show(place).await {
                tracing::debug!(%error, "a new message is not told to other devices");
            }
        });
    }

    /// Shows the devices of a person a question and the place of its answer.
    async fn show(&self, place: Place) -> Result<(), StoreError> {
        let Place { user_id: user, generation_id, .. } = place;
        let row = self.store().generation(user, generation_id).await?;
        let answer = self.store().message(user, row.message_id).await?;
        if let Some(parent) = answer.parent_id {
            self.show_message(user, self.store().message(user, parent).await?);
        }
        self.show_message(user, answer);
        Ok(())
    }

    fn show_message(&self, user: UserId, message: Message) {
        self.hub().publish(Topic::User(user), LiveEvent::Stream(StreamEvent::Message { message }));
    }

    fn show_title_later(&self, user: UserId, conversation_id: ConversationId) {
        if !self.hub().has_readers(Topic::User(user)) {
            return;
        }
        let generations = self.clone();
        self.spawn_side_job(async move {
            match generations.store().conversation(user, conversation_id).await {
                Ok(conversation) => {
                    let event = StreamEvent::Title { conversation_id, title: conversation.title };
                    generations.hub().publish(Topic::User(user), LiveEvent::Stream(event));
                }
                Err(error) => tracing::debug!(%error, "a new title is not told to other devices"),
            }
        });
    }
}
