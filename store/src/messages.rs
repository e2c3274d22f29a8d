//! Messages: the nodes of a conversation's tree.

use std::borrow::Cow;

use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use shared::page::{Page, PageQuery};
use shared::{
    ApiError, Author, CodeBlock, ConversationId, FinishReason, GenerationId, Message, MessageId,
    MessageStatus, Usage, UserId,
};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::column::{Json, Word, storable};
use crate::cursor;
use crate::schema::messages;
use crate::{Store, StoreError};

#[derive(QueryableByName)]
struct MessageRow {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    #[diesel(sql_type = SqlUuid)]
    conversation_id: Uuid,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    parent_id: Option<Uuid>,
    #[diesel(sql_type = Text)]
    role: Word<Author>,
    #[diesel(sql_type = Text)]
    content: String,
    #[diesel(sql_type = Text)]
    reasoning: String,
    #[diesel(sql_type = Text)]
    status: Word<MessageStatus>,
    #[diesel(sql_type = Nullable<Text>)]
    model: Option<String>,
    #[diesel(sql_type = Nullable<Jsonb>)]
    usage: Option<Json<Usage>>,
    #[diesel(sql_type = Nullable<Text>)]
    finish_reason: Option<Word<FinishReason>>,
    #[diesel(sql_type = Nullable<Jsonb>)]
    error: Option<Json<ApiError>>,
    #[diesel(sql_type = Array<SqlUuid>)]
    omitted_message_ids: Vec<Uuid>,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    continues: Option<Uuid>,
    #[diesel(sql_type = Timestamptz)]
    created_at: OffsetDateTime,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    generation_id: Option<Uuid>,
}

impl From<MessageRow> for Message {
    fn from(row: MessageRow) -> Self {
        Self {
            id: row.id.into(),
            conversation_id: row.conversation_id.into(),
            parent_id: row.parent_id.map(MessageId),
            role: row.role.0,
            code_blocks: CodeBlock::extract(&row.content),
            content: row.content,
            reasoning: row.reasoning,
            status: row.status.0,
            timestamp: row.created_at,
            model: row.model,
            generation_id: row.generation_id.map(GenerationId),
            usage: row.usage.map(|json| json.0),
            finish_reason: row.finish_reason.map(|word| word.0),
            error: row.error.map(|json| json.0),
            omitted_message_ids: row.omitted_message_ids.into_iter().map(MessageId).collect(),
            continues: row.continues.map(MessageId),
        }
    }
}

const COLUMNS: &str =
    "m.id, m.conversation_id, m.parent_id, m.role, m.content, m.reasoning, m.status, m.model,
    m.usage, m.finish_reason, m.error, m.omitted_message_ids, m.continues, m.created_at, g.id AS generation_id";

const TABLES: &str = "messages m
    JOIN conversations c ON c.id = m.conversation_id AND c.user_id = $1
    LEFT JOIN generations g ON g.message_id = m.id";

impl Store {
    /// A page of a conversation's messages, all branches, newest first. Of an answer that is being written
    /// the text is in the journal.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where they have no such conversation, [`StoreError::InvalidCursor`] where the
    /// cursor is not of this list.
    pub async fn messages(
        &self,
        user: UserId,
        conversation: ConversationId,
        query: &PageQuery,
    ) -> Result<Page<Message>, StoreError> {
        let before = query.cursor.as_deref().map(cursor::decode_id).transpose()?;
        let mut connection = self.connection().await?;
        let rows: Vec<MessageRow> = diesel::sql_query(format!(
            "SELECT {COLUMNS} FROM {TABLES}
             WHERE m.conversation_id = $2 AND c.deleted_at IS NULL AND ($3 IS NULL OR m.id < $3) ORDER BY m.id DESC LIMIT $4"
        ))
        .bind::<SqlUuid, _>(user.0)
        .bind::<SqlUuid, _>(conversation.0)
        .bind::<Nullable<SqlUuid>, _>(before)
        .bind::<BigInt, _>(cursor::fetch_limit(query))
        .load(&mut connection)
        .await?;
        drop(connection);
        if rows.is_empty() {
            self.conversation(user, conversation).await?;
        }
        let rows = rows.into_iter().map(Message::from).collect();
        Ok(cursor::page(query, rows, |message: &Message| message.id.0.simple().to_string()))
    }

    /// One message.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where they have no such message.
    pub async fn message(&self, user: UserId, id: MessageId) -> Result<Message, StoreError> {
        let mut connection = self.connection().await?;
        let row: MessageRow = diesel::sql_query(format!(
            "SELECT {COLUMNS} FROM {TABLES} WHERE m.id = $2 AND c.deleted_at IS NULL"
        ))
        .bind::<SqlUuid, _>(user.0)
        .bind::<SqlUuid, _>(id.0)
        .get_result(&mut connection)
        .await?;
        Ok(row.into())
    }

    /// The messages from the first one to `leaf`, in order: what a model reads.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where they have no such message.
    pub async fn branch(&self, user: UserId, leaf: MessageId) -> Result<Vec<Message>, StoreError> {
        let mut connection = self.connection().await?;
        let rows: Vec<MessageRow> = diesel::sql_query(format!(
            "WITH RECURSIVE path AS (
                 SELECT id, parent_id, 0 AS depth FROM messages WHERE id = $2
                 UNION ALL
                 SELECT parent.id, parent.parent_id, path.depth + 1
                 FROM path JOIN messages parent ON parent.id = path.parent_id)
             SELECT {COLUMNS} FROM path JOIN ({TABLES}) ON m.id = path.id
             WHERE c.deleted_at IS NULL ORDER BY path.depth DESC"
        ))
        .bind::<SqlUuid, _>(user.0)
        .bind::<SqlUuid, _>(leaf.0)
        .load(&mut connection)
        .await?;
        if rows.is_empty() {
            return Err(StoreError::NotFound);
        }
        Ok(rows.into_iter().map(Message::from).collect())
    }
}

/// Reads one message of a person, also of a conversation that was deleted: its answers end all the same.
pub(crate) async fn find(
    connection: &mut AsyncPgConnection,
    user: UserId,
    id: MessageId,
) -> Result<Message, StoreError> {
    let row: MessageRow = diesel::sql_query(format!("SELECT {COLUMNS} FROM {TABLES} WHERE m.id = $2"))
        .bind::<SqlUuid, _>(user.0)
        .bind::<SqlUuid, _>(id.0)
        .get_result(connection)
        .await?;
    Ok(row.into())
}

/// A message to insert.
#[derive(Insertable)]
#[diesel(table_name = messages)]
pub(crate) struct NewMessage<'a> {
    id: Uuid,
    conversation_id: Uuid,
    parent_id: Option<Uuid>,
    role: Word<Author>,
    content: Cow<'a, str>,
    status: Word<MessageStatus>,
    model: Option<Cow<'a, str>>,
}

impl<'a> NewMessage<'a> {
    /// What a person wrote: whole at once.
    pub fn of_user(
        id: MessageId,
        conversation: ConversationId,
        parent: Option<MessageId>,
        content: &'a str,
    ) -> Self {
        Self {
            id: id.0,
            conversation_id: conversation.0,
            parent_id: parent.map(Uuid::from),
            role: Word(Author::User),
            content: storable(content),
            status: Word(MessageStatus::Complete),
            model: None,
        }
    }

    /// The place of an answer that has not begun.
    pub fn of_answer(
        id: MessageId,
        conversation: ConversationId,
        parent: MessageId,
        model: Option<&'a str>,
    ) -> Self {
        Self {
            id: id.0,
            conversation_id: conversation.0,
            parent_id: Some(parent.0),
            role: Word(Author::Assistant),
            content: Cow::Borrowed(""),
            status: Word(MessageStatus::Pending),
            model: model.map(storable),
        }
    }
}
