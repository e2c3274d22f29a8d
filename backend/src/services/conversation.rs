//! Conversations: their list, their names, their messages. Sending and answering are elsewhere.

use engine::Engine;
use shared::page::{Page, PageQuery};
use shared::{
    Conversation, ConversationId, ConversationSummary, CreateConversation, Message, UpdateConversation,
    UserId, limits,
};
use store::{ConversationChanges, NewConversation, Store};

use super::absence::absent;
use super::generation::Generations;
use super::model_choice;
use crate::error::{AppError, AppResult};

/// What can be done with conversations. Cheap to clone.
#[derive(Clone)]
pub struct Conversations {
    store: Store,
    engine: Engine,
    generations: Generations,
}

impl Conversations {
    /// Over the floors below.
    pub fn new(store: Store, engine: Engine, generations: Generations) -> Self {
        Self { store, engine, generations }
    }

    /// A page of the list, last written to first.
    pub async fn list(&self, user: UserId, query: &PageQuery) -> AppResult<Page<ConversationSummary>> {
        check_limit(query)?;
        Ok(self.store.conversations(user, query).await?)
    }

    /// An empty conversation with this new id. Repeating it is harmless.
    pub async fn create(
        &self,
        user: UserId,
        id: ConversationId,
        request: CreateConversation,
    ) -> AppResult<Conversation> {
        let title = match request.title.as_deref() {
            Some(title) => check_title(title)?,
            None => String::new(),
        };
        let model = request.model.as_deref().map(|model| self.check_model(model)).transpose()?;
        let new = NewConversation { title, model };
        let created = self.store.create_conversation(user, id, &new).await.map_err(absent("conversation"))?;
        self.generations.list_changed(user);
        Ok(created)
    }

    /// One conversation.
    pub async fn get(&self, user: UserId, id: ConversationId) -> AppResult<Conversation> {
        self.store.conversation(user, id).await.map_err(absent("conversation"))
    }

    /// Names it, shows another branch, or chooses the model for what comes next.
    pub async fn update(
        &self,
        user: UserId,
        id: ConversationId,
        request: UpdateConversation,
    ) -> AppResult<Conversation> {
        let changes = ConversationChanges {
            title: request.title.as_deref().map(check_title).transpose()?,
            active_leaf_id: request.active_leaf_id,
            model: request.model.as_deref().map(|model| self.check_model(model)).transpose()?,
        };
        let conversation = self
            .store
            .update_conversation(user, id, &changes)
            .await
            .map_err(absent("conversation or message"))?;
        if let Some(title) = changes.title {
            self.generations.titled(user, id, title);
        }
        Ok(conversation)
    }

    /// Deletes it, for an hour in a way that can be undone. Its running answers end as stopped, and what the models keep
    /// of it goes now: after an undo it is read again.
    pub async fn delete(&self, user: UserId, id: ConversationId) -> AppResult<()> {
        let stopping = self.store.delete_conversation(user, id).await.map_err(absent("conversation"))?;
        for generation in stopping {
            self.generations.stop(generation);
        }
        self.generations.forget(user, id).await;
        self.generations.list_changed(user);
        Ok(())
    }

    /// Undoes a delete.
    pub async fn restore(&self, user: UserId, id: ConversationId) -> AppResult<Conversation> {
        let conversation = self
            .store
            .restore_conversation(user, id)
            .await
            .map_err(absent("conversation, or it was deleted over an hour ago"))?;
        self.generations.list_changed(user);
        Ok(conversation)
    }

    /// A page of its messages, all branches, newest first. A running answer has its text so far.
    pub async fn messages(
        &self,
        user: UserId,
        id: ConversationId,
        query: &PageQuery,
    ) -> AppResult<Page<Message>> {
        check_limit(query)?;
        let mut page = self.store.messages(user, id, query).await.map_err(absent("conversation"))?;
        for message in page.items.iter_mut().filter(|message| message.status.is_running()) {
            self.generations.fill_in(user, message).await?;
        }
        Ok(page)
    }

    fn check_model(&self, model: &str) -> AppResult<String> {
        model_choice::resolve(&self.engine, Some(model)).map(|id| id.to_string())
    }
}

/// A title in one line.
fn check_title(title: &str) -> AppResult<String> {
    let title = title.split_whitespace().collect::<Vec<_>>().join(" ");
    let chars = title.chars().count();
    if (1..=limits::TITLE_MAX_CHARS).contains(&chars) {
        return Ok(title);
    }
    let most = limits::TITLE_MAX_CHARS;
    Err(AppError::field("title", format!("must have 1 to {most} characters, and has {chars}")))
}

fn check_limit(query: &PageQuery) -> AppResult<()> {
    match query.limit {
        Some(limit) if !(1..=limits::PAGE_LIMIT_MAX).contains(&limit) => Err(AppError::field(
            "limit",
            format!("must be from 1 to {}, and is {limit}", limits::PAGE_LIMIT_MAX),
        )),
        _ => Ok(()),
    }
}
