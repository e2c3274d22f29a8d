//! What is new in answers that other servers write: one query for all that the readers of this server watch.
//!
//! Asked by the follower of a server, many times a second while readers watch; `journal` serves readers one by one.

use std::time::Duration;

use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Double, Integer, Nullable, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use shared::{ChunkKind, ConversationId, GenerationId, MessageId, UserId};
use uuid::Uuid;

use crate::column::{Word, signed};
use crate::{Chunk, GenerationStatus, Store, StoreError};

/// An answer that is watched, and how far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watch {
    /// Whose.
    pub user_id: UserId,
    /// The run.
    pub generation_id: GenerationId,
    /// The last chunk that is known.
    pub after_seq: u32,
}

/// What is new in an answer. Everything is of one moment: where it has ended and fewer chunks came than were asked
/// for, there are no more.
#[derive(Clone, Debug)]
pub struct News {
    /// The run.
    pub generation_id: GenerationId,
    /// The message it writes.
    pub message_id: MessageId,
    /// How far it is.
    pub status: GenerationStatus,
    /// How many chunks its journal has, once it has ended.
    pub last_seq: u32,
    /// In order.
    pub chunks: Vec<Chunk>,
}

/// An answer that has not ended, or only of late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recent {
    /// Where.
    pub place: Place,
    /// Whether it can still write.
    pub is_unfinished: bool,
}

/// Where an answer is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Whose.
    pub user_id: UserId,
    /// Where.
    pub conversation_id: ConversationId,
    /// The run.
    pub generation_id: GenerationId,
}

#[derive(QueryableByName)]
struct Row {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    #[diesel(sql_type = SqlUuid)]
    message_id: Uuid,
    #[diesel(sql_type = Text)]
    status: Word<GenerationStatus>,
    #[diesel(sql_type = Integer)]
    last_seq: i32,
    #[diesel(sql_type = Nullable<Integer>)]
    seq: Option<i32>,
    #[diesel(sql_type = Nullable<Integer>)]
    epoch: Option<i32>,
    #[diesel(sql_type = Nullable<Integer>)]
    byte_offset: Option<i32>,
    #[diesel(sql_type = Nullable<Text>)]
    kind: Option<Word<ChunkKind>>,
    #[diesel(sql_type = Nullable<Text>)]
    body: Option<String>,
    #[diesel(sql_type = Nullable<Array<Integer>>)]
    tokens: Option<Vec<i32>>,
}

#[derive(QueryableByName)]
struct RecentRow {
    #[diesel(sql_type = SqlUuid)]
    user_id: Uuid,
    #[diesel(sql_type = SqlUuid)]
    conversation_id: Uuid,
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    #[diesel(sql_type = Text)]
    status: Word<GenerationStatus>,
}

/// For each answer one look into the primary key of its own partition: LATERAL with a limit leaves the planner no
/// other way, however many partitions and answers there are.
const NEWS: &str = "
    SELECT g.id, g.message_id, g.status, g.last_seq, c.seq, c.epoch, c.byte_offset, c.kind, c.body, c.tokens
    FROM unnest($1::uuid[], $2::uuid[], $3::int[]) AS w (user_id, id, after_seq)
    JOIN generations g ON g.id = w.id AND g.user_id = w.user_id
    LEFT JOIN LATERAL (
        SELECT seq, epoch, byte_offset, kind, body, tokens FROM generation_chunks
        WHERE bucket = g.bucket AND generation_id = g.id AND seq > w.after_seq
        ORDER BY seq LIMIT $4) c ON true
    ORDER BY g.id, c.seq";

impl Store {
    /// What is new in each of the watched answers, at most `limit` chunks of each. One that is not there any more is
    /// left out.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn news_of(&self, watched: &[Watch], limit: u32) -> Result<Vec<News>, StoreError> {
        let users: Vec<Uuid> = watched.iter().map(|watch| watch.user_id.0).collect();
        let ids: Vec<Uuid> = watched.iter().map(|watch| watch.generation_id.0).collect();
        let after: Vec<i32> = watched.iter().map(|watch| signed(watch.after_seq)).collect();
        let mut connection = self.connection().await?;
        let rows: Vec<Row> = diesel::sql_query(NEWS)
            .bind::<Array<SqlUuid>, _>(users)
            .bind::<Array<SqlUuid>, _>(ids)
            .bind::<Array<Integer>, _>(after)
            .bind::<BigInt, _>(i64::from(limit))
            .load(&mut connection)
            .await?;
        let mut news: Vec<News> = Vec::new();
        for row in rows {
            if news.last().is_none_or(|last| last.generation_id.0 != row.id) {
                news.push(News {
                    generation_id: row.id.into(),
                    message_id: row.message_id.into(),
                    status: row.status.0,
                    last_seq: unsigned(row.last_seq),
                    chunks: Vec::new(),
                });
            }
            if let (Some(last), Some(chunk)) = (news.last_mut(), chunk(row)) {
                last.chunks.push(chunk);
            }
        }
        Ok(news)
    }

    /// The answers in these conversations that have not ended, or only within the time `ended_within`.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn recent_generations(
        &self,
        conversations: &[ConversationId],
        ended_within: Duration,
    ) -> Result<Vec<Recent>, StoreError> {
        let ids: Vec<Uuid> = conversations.iter().map(|id| id.0).collect();
        let rows: Vec<RecentRow> = diesel::sql_query(
            "SELECT user_id, conversation_id, id, status FROM generations
             WHERE conversation_id = ANY ($1)
                 AND (status IN ('queued', 'running', 'stopping') OR ended_at > now() - make_interval(secs => $2))
             ORDER BY id",
        )
        .bind::<Array<SqlUuid>, _>(ids)
        .bind::<Double, _>(ended_within.as_secs_f64())
        .load(&mut *self.connection().await?)
        .await?;
        let recent = |row: RecentRow| {
            let place = Place {
                user_id: row.user_id.into(),
                conversation_id: row.conversation_id.into(),
                generation_id: row.id.into(),
            };
            Recent { place, is_unfinished: row.status.0.is_unfinished() }
        };
        Ok(rows.into_iter().map(recent).collect())
    }
}

fn chunk(row: Row) -> Option<Chunk> {
    Some(Chunk {
        seq: unsigned(row.seq?),
        epoch: unsigned(row.epoch?),
        byte_offset: unsigned(row.byte_offset?),
        kind: row.kind?.0,
        body: row.body?,
        tokens: row.tokens?,
    })
}

fn unsigned(value: i32) -> u32 {
    u32::try_from(value).unwrap_or_default()
}
