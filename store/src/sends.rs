//! What a send or a regeneration writes before anything else happens, in one transaction: the record that
//! makes it repeatable, the conversation where it is new, the messages, the generation.

use diesel::dsl::now;
use diesel::prelude::*;
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use serde_json::Value;
use shared::{
    Author, ClientId, ConversationId, GenerationId, MessageId, MessageStatus, SendAccepted, UserId,
};
use uuid::Uuid;

use crate::column::{Sha256, Word, storable};
use crate::conversations::{self, NewConversation};
use crate::messages::NewMessage;
use crate::schema::{conversations as conversation_table, generations, messages, sends};
use crate::{GenerationStatus, ReplicaId, Store, StoreError, partitions};

/// The message that a new one follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parent {
    /// The end of the branch that is shown.
    ActiveLeaf,
    /// This one.
    Message(MessageId),
    /// None: a new branch begins.
    Start,
}

/// A message to send.
#[derive(Clone, Debug)]
pub struct NewSend {
    /// Made when the message was composed.
    pub client_id: ClientId,
    /// Of everything in the request that matters: the same id with another hash is refused.
    pub body_sha256: Sha256,
    /// The conversation; a new one where this is none.
    pub conversation_id: Option<ConversationId>,
    /// What it follows.
    pub parent: Parent,
    /// What the person wrote.
    pub content: String,
    /// The model that will answer; kept for the conversation too.
    pub model: Option<String>,
    /// As asked for: kept with the generation.
    pub request: Value,
    /// The server that will run the generation.
    pub owner: ReplicaId,
}

/// Another answer beside an existing one.
#[derive(Clone, Debug)]
pub struct NewRegeneration {
    /// As in [`NewSend::client_id`].
    pub client_id: ClientId,
    /// As in [`NewSend::body_sha256`].
    pub body_sha256: Sha256,
    /// The answer to give another one to, or the person's message to answer once more.
    pub message_id: MessageId,
    /// The model that will answer; the one that answered before where this is none.
    pub model: Option<String>,
    /// As asked for: kept with the generation.
    pub request: Value,
    /// The server that will run the generation.
    pub owner: ReplicaId,
}

/// What became of a send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SendOutcome {
    /// It is kept; the generation waits for `owner` with epoch 1.
    Began(SendAccepted),
    /// It was kept before, by the same request.
    Repeated(SendAccepted),
    /// Another request had the same client id.
    Conflict,
    /// The answer that it would follow is still being written.
    ParentRunning(MessageId),
    /// Another answer goes on with the same one already.
    ContinuedBefore(MessageId),
    /// The answer to go on with has no journal: it never began, or its days are over.
    NothingToContinue,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = sends, check_for_backend(diesel::pg::Pg))]
struct SendRow {
    body_sha256: Vec<u8>,
    conversation_id: Uuid,
    user_message_id: Uuid,
    message_id: Uuid,
    generation_id: Uuid,
}

impl SendRow {
    fn accepted(&self) -> SendAccepted {
        SendAccepted {
            conversation_id: self.conversation_id.into(),
            user_message_id: self.user_message_id.into(),
            message_id: self.message_id.into(),
            generation_id: self.generation_id.into(),
        }
    }
}

/// Rolls the transaction back with an outcome that is no error.
pub(crate) enum Leave {
    With(SendOutcome),
    Failed(StoreError),
}

impl From<diesel::result::Error> for Leave {
    fn from(error: diesel::result::Error) -> Self {
        Self::Failed(error.into())
    }
}

impl From<StoreError> for Leave {
    fn from(error: StoreError) -> Self {
        Self::Failed(error)
    }
}

pub(crate) fn outcome(result: Result<SendOutcome, Leave>) -> Result<SendOutcome, StoreError> {
    match result {
        Ok(outcome) | Err(Leave::With(outcome)) => Ok(outcome),
        Err(Leave::Failed(error)) => Err(error),
    }
}

impl Store {
    /// Keeps a message and the place of its answer. Repeating it is harmless.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where they have no such conversation, or it has no such parent.
    pub async fn begin_send(&self, user: UserId, new: &NewSend) -> Result<SendOutcome, StoreError> {
        let result = self
            .connection()
            .await?
            .transaction(async |connection| {
                let ids = SendAccepted {
                    conversation_id: new.conversation_id.unwrap_or_else(ConversationId::new),
                    user_message_id: MessageId::new(),
                    message_id: MessageId::new(),
                    generation_id: GenerationId::new(),
                };
                claim_client_id(connection, user, new.client_id, &new.body_sha256, ids).await?;
                let parent = if new.conversation_id.is_none() {
                    let conversation = NewConversation { title: String::new(), model: new.model.clone() };
                    conversations::insert(connection, user, ids.conversation_id, &conversation).await?;
                    match new.parent {
                        Parent::Message(_) => return Err(StoreError::NotFound.into()),
                        Parent::ActiveLeaf | Parent::Start => None,
                    }
                } else {
                    let (leaf, _) = conversations::lock(connection, user, ids.conversation_id).await?;
                    match new.parent {
                        Parent::ActiveLeaf => leaf.map(MessageId),
                        Parent::Message(id) => Some(id),
                        Parent::Start => None,
                    }
                };
                if let Some(parent) = parent {
                    refuse_running_parent(connection, ids.conversation_id, parent).await?;
                }
                diesel::insert_into(messages::table)
                    .values(NewMessage::of_user(
                        ids.user_message_id,
                        ids.conversation_id,
                        parent,
                        &new.content,
                    ))
                    .execute(connection)
                    .await?;
                begin_answer(connection, user, ids, new.model.as_deref(), &new.request, new.owner).await?;
                Ok(SendOutcome::Began(ids))
            })
            .await;
        outcome(result)
    }

    /// Keeps the place of another answer. Repeating it is harmless.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where they have no such message.
    pub async fn begin_regenerate(
        &self,
        user: UserId,
        new: &NewRegeneration,
    ) -> Result<SendOutcome, StoreError> {
        let result = self
            .connection()
            .await?
            .transaction(async |connection| {
                let (conversation_id, parent_id, role, model) = messages::table
                    .inner_join(conversation_table::table)
                    .filter(messages::id.eq(new.message_id.0))
                    .filter(conversation_table::user_id.eq(user.0))
                    .select((messages::conversation_id, messages::parent_id, messages::role, messages::model))
                    .first::<(Uuid, Option<Uuid>, Word<Author>, Option<String>)>(connection)
                    .await?;
                let user_message_id = match role.0 {
                    Author::User => Some(new.message_id),
                    Author::Assistant => parent_id.map(MessageId),
                    Author::System => None,
                };
                let ids = SendAccepted {
                    conversation_id: conversation_id.into(),
                    user_message_id: user_message_id.ok_or(StoreError::NotFound)?,
                    message_id: MessageId::new(),
                    generation_id: GenerationId::new(),
                };
                claim_client_id(connection, user, new.client_id, &new.body_sha256, ids).await?;
                conversations::lock(connection, user, ids.conversation_id).await?;
                let model = new.model.as_deref().or(model.as_deref());
                begin_answer(connection, user, ids, model, &new.request, new.owner).await?;
                Ok(SendOutcome::Began(ids))
            })
            .await;
        outcome(result)
    }
}

/// The first write of a send. A second one with the same client id waits here until the first has committed,
/// and then finds it.
pub(crate) async fn claim_client_id(
    connection: &mut AsyncPgConnection,
    user: UserId,
    client_id: ClientId,
    body_sha256: &Sha256,
    ids: SendAccepted,
) -> Result<(), Leave> {
    let inserted = diesel::insert_into(sends::table)
        .values((
            sends::user_id.eq(user.0),
            sends::client_id.eq(client_id.0),
            sends::body_sha256.eq(body_sha256.as_slice()),
            sends::conversation_id.eq(ids.conversation_id.0),
            sends::user_message_id.eq(ids.user_message_id.0),
            sends::message_id.eq(ids.message_id.0),
            sends::generation_id.eq(ids.generation_id.0),
        ))
        .on_conflict_do_nothing()
        .execute(connection)
        .await?;
    if inserted > 0 {
        return Ok(());
    }
    let earlier: SendRow =
        sends::table.find((user.0, client_id.0)).select(SendRow::as_select()).first(connection).await?;
    Err(Leave::With(if earlier.body_sha256 == body_sha256 {
        SendOutcome::Repeated(earlier.accepted())
    } else {
        SendOutcome::Conflict
    }))
}

async fn refuse_running_parent(
    connection: &mut AsyncPgConnection,
    conversation: ConversationId,
    parent: MessageId,
) -> Result<(), Leave> {
    let status: Word<MessageStatus> = messages::table
        .find(parent.0)
        .filter(messages::conversation_id.eq(conversation.0))
        .select(messages::status)
        .first(connection)
        .await?;
    if status.0.is_running() { Err(Leave::With(SendOutcome::ParentRunning(parent))) } else { Ok(()) }
}

/// The answer's place, its generation, and the conversation's new end.
pub(crate) async fn begin_answer(
    connection: &mut AsyncPgConnection,
    user: UserId,
    ids: SendAccepted,
    model: Option<&str>,
    request: &Value,
    owner: ReplicaId,
) -> Result<(), StoreError> {
    diesel::insert_into(messages::table)
        .values(NewMessage::of_answer(ids.message_id, ids.conversation_id, ids.user_message_id, model))
        .execute(connection)
        .await?;
    diesel::insert_into(generations::table)
        .values((
            generations::id.eq(ids.generation_id.0),
            generations::conversation_id.eq(ids.conversation_id.0),
            generations::message_id.eq(ids.message_id.0),
            generations::user_id.eq(user.0),
            generations::status.eq(Word(GenerationStatus::Queued)),
            generations::owner.eq(owner.0),
            generations::bucket.eq(partitions::current_bucket()),
            generations::request.eq(request),
        ))
        .execute(connection)
        .await?;
    diesel::update(conversation_table::table.find(ids.conversation_id.0))
        .set((
            conversation_table::active_leaf_id.eq(ids.message_id.0),
            conversation_table::updated_at.eq(now),
        ))
        .execute(connection)
        .await?;
    if let Some(model) = model {
        diesel::update(conversation_table::table.find(ids.conversation_id.0))
            .set(conversation_table::model.eq(storable(model)))
            .execute(connection)
            .await?;
    }
    Ok(())
}
