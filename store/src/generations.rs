//! Generations: runs of a model, each of which writes one answer.
//!
//! ```text
//! queued ─→ running ─→ done | stopped | failed
//!    └──→ stopping ──────↑                        (running → stopping too; any of the three can end)
//! ```
//!
//! Only the owner of the current epoch changes a row, except for stop requests. Every statement names both,
//! and an owner that was replaced finds that nothing matches any more.

use diesel::dsl::now;
use diesel::prelude::*;
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use shared::{
    ApiError, ConversationId, FinishReason, GenerationId, Message, MessageId, MessageStatus, Usage, UserId,
};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::column::{Json, Word, signed};
use crate::schema::{conversations, generations, messages};
use crate::{ReplicaId, Store, StoreError, journal};

/// How far a generation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GenerationStatus {
    /// Waits to be started.
    Queued,
    /// Has been given to the engine.
    Running,
    /// Somebody asked for its end.
    Stopping,
    /// Ended well.
    Done,
    /// Ended by a stop.
    Stopped,
    /// Ended by an error.
    Failed,
}

impl GenerationStatus {
    /// Whether it can still write.
    pub fn is_unfinished(self) -> bool {
        matches!(self, Self::Queued | Self::Running | Self::Stopping)
    }
}

impl From<Word<GenerationStatus>> for GenerationStatus {
    fn from(word: Word<GenerationStatus>) -> Self {
        word.0
    }
}

pub(crate) const UNFINISHED: [&str; 3] = ["queued", "running", "stopping"];

/// One generation.
#[derive(Clone, Debug, Queryable, Selectable)]
#[diesel(table_name = generations, check_for_backend(diesel::pg::Pg))]
pub struct GenerationRow {
    /// The run.
    #[diesel(deserialize_as = Uuid)]
    pub id: GenerationId,
    /// Where it writes.
    #[diesel(deserialize_as = Uuid)]
    pub conversation_id: ConversationId,
    /// The message it writes.
    #[diesel(deserialize_as = Uuid)]
    pub message_id: MessageId,
    /// Whose it is.
    #[diesel(deserialize_as = Uuid)]
    pub user_id: UserId,
    /// How far it is.
    #[diesel(deserialize_as = Word<GenerationStatus>)]
    pub status: GenerationStatus,
    /// The server that runs it.
    #[diesel(deserialize_as = Uuid)]
    pub owner: ReplicaId,
    /// Counts owners, from 1.
    #[diesel(deserialize_as = i32)]
    pub epoch: u32,
    /// The last chunk, once it has ended; 0 before, and for an answer without text.
    #[diesel(deserialize_as = i32)]
    pub last_seq: u32,
    /// Where its chunks are.
    pub(crate) bucket: i32,
    /// As asked for.
    pub request: Value,
    /// As started.
    pub params: Option<Value>,
    /// When it was asked for.
    pub created_at: OffsetDateTime,
    /// When it was given to the engine.
    pub started_at: Option<OffsetDateTime>,
    /// When it ended.
    pub ended_at: Option<OffsetDateTime>,
    /// How often the model's process died under it.
    #[diesel(deserialize_as = i32)]
    pub engine_deaths: u32,
}

impl GenerationRow {
    /// The right to write it, as long as nobody takes over.
    pub fn claim(&self) -> Claim {
        Claim { generation_id: self.id, owner: self.owner, epoch: self.epoch }
    }
}

/// The right of one server to write one generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Claim {
    /// The run.
    pub generation_id: GenerationId,
    /// The server.
    pub owner: ReplicaId,
    /// The owner's number.
    pub epoch: u32,
}

impl Claim {
    /// The first claim on a generation that was just begun.
    pub fn first(generation_id: GenerationId, owner: ReplicaId) -> Self {
        Self { generation_id, owner, epoch: 1 }
    }
}

/// What became of a start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Started {
    /// It runs.
    Running,
    /// A stop came first: end it as stopped.
    StopRequested,
    /// It has ended, or another server owns it.
    Lost,
}

/// How a generation ends.
#[derive(Clone, Debug, PartialEq)]
pub enum Ending {
    /// By itself or by a stop.
    Finished(FinishReason),
    /// By an error, which is kept with the message.
    Failed(ApiError),
}

/// What became of a stop request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopOutcome {
    /// Its owner must be told.
    Requested {
        /// The server that runs it.
        owner: ReplicaId,
    },
    /// It has ended already.
    AlreadyEnded,
}

impl Store {
    /// One generation of a person.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where they have no such generation.
    pub async fn generation(&self, user: UserId, id: GenerationId) -> Result<GenerationRow, StoreError> {
        find(&mut *self.connection().await?, user, id).await
    }

    /// The generations of a conversation that have not ended, oldest first.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where they have no such conversation.
    pub async fn unfinished_generations(
        &self,
        user: UserId,
        conversation: ConversationId,
    ) -> Result<Vec<GenerationRow>, StoreError> {
        let mut connection = self.connection().await?;
        conversations::table
            .find(conversation.0)
            .filter(conversations::user_id.eq(user.0).and(conversations::deleted_at.is_null()))
            .select(conversations::id)
            .first::<Uuid>(&mut connection)
            .await?;
        Ok(generations::table
            .filter(generations::conversation_id.eq(conversation.0))
            .filter(generations::status.eq_any(UNFINISHED))
            .order(generations::id)
            .select(GenerationRow::as_select())
            .load(&mut connection)
            .await?)
    }

    /// The generations that a server has to end: those it runs, those that somebody else asked to stop, and those
    /// that were kept although nobody lived to begin them.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn owned_generations(&self, owner: ReplicaId) -> Result<Vec<GenerationId>, StoreError> {
        let ids: Vec<Uuid> = generations::table
            .filter(generations::owner.eq(owner.0))
            .filter(generations::status.eq_any(UNFINISHED))
            .select(generations::id)
            .load(&mut *self.connection().await?)
            .await?;
        Ok(ids.into_iter().map(GenerationId).collect())
    }

    /// Records that a generation was given to the engine: with what, and which messages were left out.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn start_generation(
        &self,
        claim: Claim,
        params: &Value,
        omitted: &[MessageId],
    ) -> Result<Started, StoreError> {
        self.connection()
            .await?
            .transaction(async |connection| {
                let Some(locked) = lock(connection, claim).await? else { return Ok(Started::Lost) };
                // An answer that is stopping may have a first word all the same, and can then be gone on with.
                let is_stopping = locked.status.0 == GenerationStatus::Stopping;
                let status = if is_stopping { GenerationStatus::Stopping } else { GenerationStatus::Running };
                diesel::update(generations::table.find(claim.generation_id.0))
                    .set((
                        generations::status.eq(Word(status)),
                        generations::params.eq(params),
                        generations::started_at.eq(now),
                    ))
                    .execute(connection)
                    .await?;
                let omitted: Vec<Uuid> = omitted.iter().copied().map(Uuid::from).collect();
                diesel::update(messages::table.find(locked.message_id))
                    .set((
                        messages::status.eq(Word(MessageStatus::Streaming)),
                        messages::omitted_message_ids.eq(omitted),
                    ))
                    .execute(connection)
                    .await?;
                Ok(if is_stopping { Started::StopRequested } else { Started::Running })
            })
            .await
    }

    /// Notes how often the engine has died under a generation. Tells whether it is still the claim's.
    ///
    /// # Errors
    /// Those of the database; the call may be repeated.
    pub async fn note_engine_deaths(&self, claim: Claim, deaths: u32) -> Result<bool, StoreError> {
        let mut connection = self.connection().await?;
        let noted = diesel::update(generations::table.find(claim.generation_id.0))
            .filter(generations::owner.eq(claim.owner.0).and(generations::epoch.eq(signed(claim.epoch))))
            .filter(generations::status.eq_any(UNFINISHED))
            .set(generations::engine_deaths.eq(signed(deaths)))
            .execute(&mut connection)
            .await?;
        Ok(noted > 0)
    }

    /// Ends a generation: puts its text together from the journal, and writes the message and both statuses
    /// in one transaction. Gives the message, or none where the generation has ended already or another
    /// server owns it.
    ///
    /// # Errors
    /// Those of the database; then nothing has ended, and the call may be repeated.
    pub async fn finish_generation(
        &self,
        claim: Claim,
        ending: &Ending,
        usage: Option<&Usage>,
    ) -> Result<Option<Message>, StoreError> {
        self.connection()
            .await?
            .transaction(async |connection| finish(connection, claim, ending, usage).await)
            .await
    }

    /// Asks for the end of a generation. What has ended stays as it ended.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where they have no such generation.
    pub async fn request_stop(&self, user: UserId, id: GenerationId) -> Result<StopOutcome, StoreError> {
        let mut connection = self.connection().await?;
        diesel::update(generations::table.find(id.0))
            .filter(generations::user_id.eq(user.0))
            .filter(generations::status.eq_any(["queued", "running"]))
            .set(generations::status.eq(Word(GenerationStatus::Stopping)))
            .execute(&mut connection)
            .await?;
        let row = find(&mut connection, user, id).await?;
        Ok(if row.status.is_unfinished() {
            StopOutcome::Requested { owner: row.owner }
        } else {
            StopOutcome::AlreadyEnded
        })
    }
}

async fn find(
    connection: &mut AsyncPgConnection,
    user: UserId,
    id: GenerationId,
) -> Result<GenerationRow, StoreError> {
    Ok(generations::table
        .find(id.0)
        .filter(generations::user_id.eq(user.0))
        .select(GenerationRow::as_select())
        .first(connection)
        .await?)
}

/// What a writer needs of a generation that it has locked.
#[derive(Queryable, Selectable)]
#[diesel(table_name = generations, check_for_backend(diesel::pg::Pg))]
struct Locked {
    status: Word<GenerationStatus>,
    message_id: Uuid,
    user_id: Uuid,
    bucket: i32,
}

/// Locks an unfinished generation that `claim` still owns.
async fn lock(connection: &mut AsyncPgConnection, claim: Claim) -> QueryResult<Option<Locked>> {
    generations::table
        .find(claim.generation_id.0)
        .filter(generations::owner.eq(claim.owner.0).and(generations::epoch.eq(signed(claim.epoch))))
        .filter(generations::status.eq_any(UNFINISHED))
        .select(Locked::as_select())
        .for_no_key_update()
        .first(connection)
        .await
        .optional()
}

/// Ends a generation within a transaction.
pub(crate) async fn finish(
    connection: &mut AsyncPgConnection,
    claim: Claim,
    ending: &Ending,
    usage: Option<&Usage>,
) -> Result<Option<Message>, StoreError> {
    let Some(locked) = lock(connection, claim).await? else { return Ok(None) };
    let assembled = journal::assemble(connection, locked.bucket, claim.generation_id).await?;
    let (status, message_status, finish_reason, error) = match ending {
        Ending::Finished(FinishReason::Stopped) => {
            (GenerationStatus::Stopped, MessageStatus::Stopped, Some(FinishReason::Stopped), None)
        }
        Ending::Finished(reason) => (GenerationStatus::Done, MessageStatus::Complete, Some(*reason), None),
        Ending::Failed(error) => (GenerationStatus::Failed, MessageStatus::Failed, None, Some(error)),
    };
    diesel::update(generations::table.find(claim.generation_id.0))
        .set((
            generations::status.eq(Word(status)),
            generations::last_seq.eq(signed(assembled.seq)),
            generations::error.eq(error.map(Json)),
            generations::ended_at.eq(now),
        ))
        .execute(connection)
        .await?;
    diesel::update(messages::table.find(locked.message_id))
        .set((
            messages::content.eq(&assembled.text),
            messages::reasoning.eq(&assembled.reasoning),
            messages::status.eq(Word(message_status)),
            messages::finish_reason.eq(finish_reason.map(Word)),
            messages::error.eq(error.map(Json)),
            messages::usage.eq(usage.map(Json)),
        ))
        .execute(connection)
        .await?;
    crate::messages::find(connection, locked.user_id.into(), locked.message_id.into()).await.map(Some)
}

/// Asks for the end of all generations of a conversation. Locks them in the order in which the journal's
/// writer does, or the two could wait for each other.
pub(crate) async fn stop_all(
    connection: &mut AsyncPgConnection,
    conversation: ConversationId,
) -> QueryResult<Vec<GenerationId>> {
    let ids: Vec<Uuid> = generations::table
        .filter(generations::conversation_id.eq(conversation.0))
        .filter(generations::status.eq_any(UNFINISHED))
        .order(generations::id)
        .select(generations::id)
        .for_no_key_update()
        .load(connection)
        .await?;
    diesel::update(generations::table)
        .filter(generations::id.eq_any(&ids))
        .set(generations::status.eq(Word(GenerationStatus::Stopping)))
        .execute(connection)
        .await?;
    Ok(ids.into_iter().map(GenerationId).collect())
}
