//! Conversations and their list.

use diesel::dsl::now;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use shared::page::{Page, PageQuery};
use shared::{Conversation, ConversationId, ConversationSummary, GenerationId, MessageId, UserId};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::column::storable;
use crate::cursor::{self, TimeKey};
use crate::schema::{conversations, messages};
use crate::{Store, StoreError};

/// Within this time a delete can be undone; then upkeep removes the conversation for good. As SQL.
pub(crate) const RESTORABLE: &str = "deleted_at > now() - interval '1 hour'";

/// A conversation to make.
#[derive(Clone, Debug, Default)]
pub struct NewConversation {
    /// Empty until somebody names it.
    pub title: String,
    /// The model to use.
    pub model: Option<String>,
}

/// What to change; what is none stays.
#[derive(Clone, Debug, Default)]
pub struct ConversationChanges {
    /// A new title.
    pub title: Option<String>,
    /// Shows the branch that ends in this message.
    pub active_leaf_id: Option<MessageId>,
    /// The model to use from now on.
    pub model: Option<String>,
}

#[derive(QueryableByName)]
struct ConversationRow {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    #[diesel(sql_type = Text)]
    title: String,
    #[diesel(sql_type = Nullable<Text>)]
    model: Option<String>,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    active_leaf_id: Option<Uuid>,
    #[diesel(sql_type = Timestamptz)]
    created_at: OffsetDateTime,
    #[diesel(sql_type = Timestamptz)]
    updated_at: OffsetDateTime,
    #[diesel(sql_type = Bool)]
    generating: bool,
}

impl From<ConversationRow> for Conversation {
    fn from(row: ConversationRow) -> Self {
        Self {
            id: row.id.into(),
            title: row.title,
            created_at: row.created_at,
            updated_at: row.updated_at,
            generating: row.generating,
            active_leaf_id: row.active_leaf_id.map(MessageId),
            model: row.model,
        }
    }
}

const SELECT: &str = "SELECT c.id, c.title, c.model, c.active_leaf_id, c.created_at, c.updated_at, EXISTS (
        SELECT FROM generations g
        WHERE g.conversation_id = c.id AND g.status IN ('queued', 'running', 'stopping')) AS generating
    FROM conversations c WHERE c.user_id = $1 AND c.deleted_at IS NULL";

impl Store {
    /// Makes an empty conversation. Repeating it with the same `id` is harmless.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where a repeat comes after it was deleted.
    pub async fn create_conversation(
        &self,
        user: UserId,
        id: ConversationId,
        new: &NewConversation,
    ) -> Result<Conversation, StoreError> {
        let mut connection = self.connection().await?;
        match insert(&mut connection, user, id, new).await {
            Ok(()) | Err(StoreError::Conflict) => find(&mut connection, user, id).await,
            Err(error) => Err(error),
        }
    }

    /// A conversation of a person.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where they have no such conversation, or deleted it.
    pub async fn conversation(&self, user: UserId, id: ConversationId) -> Result<Conversation, StoreError> {
        find(&mut *self.connection().await?, user, id).await
    }

    /// A page of a person's conversations, last written to first.
    ///
    /// # Errors
    /// [`StoreError::InvalidCursor`] where the cursor is not of this list.
    pub async fn conversations(
        &self,
        user: UserId,
        query: &PageQuery,
    ) -> Result<Page<ConversationSummary>, StoreError> {
        let after = query.cursor.as_deref().map(TimeKey::decode).transpose()?;
        let mut connection = self.connection().await?;
        let rows: Vec<ConversationRow> = diesel::sql_query(format!(
            "{SELECT} AND ($2 IS NULL OR (c.updated_at, c.id) < ($2, $3))
             ORDER BY c.updated_at DESC, c.id DESC LIMIT $4"
        ))
        .bind::<SqlUuid, _>(user.0)
        .bind::<Nullable<Timestamptz>, _>(after.map(|key| key.at))
        .bind::<Nullable<SqlUuid>, _>(after.map(|key| key.id))
        .bind::<BigInt, _>(cursor::fetch_limit(query))
        .load(&mut connection)
        .await?;
        let rows = rows.into_iter().map(|row| Conversation::from(row).into()).collect();
        Ok(cursor::page(query, rows, |row: &ConversationSummary| {
            TimeKey { at: row.updated_at, id: row.id.0 }.encode()
        }))
    }

    /// All conversations of a person that are not deleted, in no order.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn conversation_ids(&self, user: UserId) -> Result<Vec<ConversationId>, StoreError> {
        let mut connection = self.connection().await?;
        let query = conversations::table
            .filter(conversations::user_id.eq(user.0).and(conversations::deleted_at.is_null()))
            .select(conversations::id);
        let ids: Vec<Uuid> = query.load(&mut connection).await?;
        Ok(ids.into_iter().map(ConversationId).collect())
    }

    /// Changes a conversation. Its place in the list stays: that is for messages.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where they have no such conversation, or it has no such message.
    pub async fn update_conversation(
        &self,
        user: UserId,
        id: ConversationId,
        changes: &ConversationChanges,
    ) -> Result<Conversation, StoreError> {
        self.connection()
            .await?
            .transaction(async |connection| {
                lock(connection, user, id).await?;
                let row = conversations::table.find(id.0);
                if let Some(leaf) = changes.active_leaf_id {
                    messages::table
                        .find(leaf.0)
                        .filter(messages::conversation_id.eq(id.0))
                        .select(messages::id)
                        .first::<Uuid>(connection)
                        .await?;
                    let set = conversations::active_leaf_id.eq(leaf.0);
                    diesel::update(row).set(set).execute(connection).await?;
                }
                if let Some(title) = &changes.title {
                    let set = conversations::title.eq(storable(title));
                    diesel::update(row).set(set).execute(connection).await?;
                }
                if let Some(model) = &changes.model {
                    let set = conversations::model.eq(storable(model));
                    diesel::update(row).set(set).execute(connection).await?;
                }
                find(connection, user, id).await
            })
            .await
    }

    /// Names a conversation that has no name yet. Tells whether it did: a person's own title is never
    /// replaced.
    ///
    /// # Errors
    /// Those of the database; a conversation that is gone is simply not named.
    pub async fn set_title_if_empty(
        &self,
        user: UserId,
        id: ConversationId,
        title: &str,
    ) -> Result<bool, StoreError> {
        let mut connection = self.connection().await?;
        let named = diesel::update(conversations::table.find(id.0))
            .filter(conversations::user_id.eq(user.0).and(conversations::deleted_at.is_null()))
            .filter(conversations::title.eq(""))
            .set(conversations::title.eq(storable(title)))
            .execute(&mut connection)
            .await?;
        Ok(named > 0)
    }

    /// Deletes a conversation, for an hour in a way that can be undone, and asks its running answers to stop.
    /// Tells which.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where they have no such conversation.
    pub async fn delete_conversation(
        &self,
        user: UserId,
        id: ConversationId,
    ) -> Result<Vec<GenerationId>, StoreError> {
        self.connection()
            .await?
            .transaction(async |connection| {
                lock(connection, user, id).await?;
                diesel::update(conversations::table.find(id.0))
                    .set(conversations::deleted_at.eq(now))
                    .execute(connection)
                    .await?;
                Ok(crate::generations::stop_all(connection, id).await?)
            })
            .await
    }

    /// Undoes a delete.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where they have no such conversation, or it was deleted over an hour ago.
    pub async fn restore_conversation(
        &self,
        user: UserId,
        id: ConversationId,
    ) -> Result<Conversation, StoreError> {
        let mut connection = self.connection().await?;
        diesel::update(conversations::table.find(id.0))
            .filter(conversations::user_id.eq(user.0))
            .filter(diesel::dsl::sql::<Bool>(RESTORABLE))
            .set(conversations::deleted_at.eq(None::<OffsetDateTime>))
            .execute(&mut connection)
            .await?;
        // One that was not deleted at all is simply there.
        find(&mut connection, user, id).await
    }
}

/// Inserts the row of a conversation.
pub(crate) async fn insert(
    connection: &mut AsyncPgConnection,
    user: UserId,
    id: ConversationId,
    new: &NewConversation,
) -> Result<(), StoreError> {
    diesel::insert_into(conversations::table)
        .values((
            conversations::id.eq(id.0),
            conversations::user_id.eq(user.0),
            conversations::title.eq(storable(&new.title)),
            conversations::model.eq(new.model.as_deref().map(storable)),
        ))
        .execute(connection)
        .await?;
    Ok(())
}

/// Locks the row of a person's conversation until the end of the transaction, and tells its active leaf and
/// model.
pub(crate) async fn lock(
    connection: &mut AsyncPgConnection,
    user: UserId,
    id: ConversationId,
) -> Result<(Option<Uuid>, Option<String>), StoreError> {
    Ok(conversations::table
        .find(id.0)
        .filter(conversations::user_id.eq(user.0).and(conversations::deleted_at.is_null()))
        .select((conversations::active_leaf_id, conversations::model))
        .for_no_key_update()
        .first(connection)
        .await?)
}

async fn find(
    connection: &mut AsyncPgConnection,
    user: UserId,
    id: ConversationId,
) -> Result<Conversation, StoreError> {
    let row: ConversationRow = diesel::sql_query(format!("{SELECT} AND c.id = $2"))
        .bind::<SqlUuid, _>(user.0)
        .bind::<SqlUuid, _>(id.0)
        .get_result(connection)
        .await?;
    Ok(row.into())
}
