//! Going on with an answer that ended too early: a sibling whose journal begins with what the old one wrote, so that
//! nothing that was kept ever changes.

use diesel::prelude::*;
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use serde_json::Value;
use shared::{ClientId, GenerationId, MessageId, SendAccepted, UserId};
use uuid::Uuid;

use crate::column::{Sha256, Word, signed};
use crate::schema::{conversations as conversation_table, generation_chunks, generations, messages};
use crate::sends::{Leave, begin_answer, claim_client_id, outcome};
use crate::{Chunk, ReplicaId, SendOutcome, Store, StoreError, conversations, journal};

/// An answer to go on with.
#[derive(Clone, Debug)]
pub struct NewContinuation {
    /// As in [`NewSend::client_id`](crate::NewSend::client_id).
    pub client_id: ClientId,
    /// As in [`NewSend::body_sha256`](crate::NewSend::body_sha256).
    pub body_sha256: Sha256,
    /// The answer, which has ended.
    pub message_id: MessageId,
    /// What its run was started with, with whatever is to be different now.
    pub params: Value,
    /// The server that will run the new generation.
    pub owner: ReplicaId,
}

#[derive(Queryable)]
struct Old {
    conversation_id: Uuid,
    parent_id: Option<Uuid>,
    model: Option<String>,
    omitted_message_ids: Vec<Uuid>,
    generation_id: Uuid,
    bucket: i32,
    request: Value,
}

impl Store {
    /// Keeps the place of an answer that goes on with another one, whose text it has from the beginning. Repeating it is
    /// harmless.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where they have no such answer.
    pub async fn begin_continuation(
        &self,
        user: UserId,
        new: &NewContinuation,
    ) -> Result<SendOutcome, StoreError> {
        let result = self
            .connection()
            .await?
            .transaction(async |connection| {
                let old = find(connection, user, new.message_id).await?;
                let ids = SendAccepted {
                    conversation_id: old.conversation_id.into(),
                    user_message_id: old.parent_id.map(MessageId).ok_or(StoreError::NotFound)?,
                    message_id: MessageId::new(),
                    generation_id: GenerationId::new(),
                };
                claim_client_id(connection, user, new.client_id, &new.body_sha256, ids).await?;
                conversations::lock(connection, user, ids.conversation_id).await?;
                refuse_second(connection, &old, new.message_id).await?;
                let chunks = journal::chunks(connection, old.bucket, old.generation_id.into()).await?;
                let beginning = beginning(chunks);
                if beginning.is_empty() {
                    return Err(Leave::With(SendOutcome::NothingToContinue));
                }
                begin_answer(connection, user, ids, old.model.as_deref(), &old.request, new.owner).await?;
                adorn(connection, &old, new, ids).await?;
                insert(connection, ids.generation_id, &beginning).await?;
                Ok(SendOutcome::Began(ids))
            })
            .await;
        outcome(result)
    }
}

async fn find(connection: &mut AsyncPgConnection, user: UserId, id: MessageId) -> Result<Old, StoreError> {
    Ok(generations::table
        .inner_join(messages::table)
        .inner_join(conversation_table::table)
        .filter(messages::id.eq(id.0))
        .filter(conversation_table::user_id.eq(user.0))
        .select((
            messages::conversation_id,
            messages::parent_id,
            messages::model,
            messages::omitted_message_ids,
            generations::id,
            generations::bucket,
            generations::request,
        ))
        .first(connection)
        .await?)
}

/// Two devices may ask at once; the one that comes second sees the answer of the first. To be called with the
/// conversation locked.
async fn refuse_second(connection: &mut AsyncPgConnection, old: &Old, id: MessageId) -> Result<(), Leave> {
    let first: Option<Uuid> = messages::table
        .filter(messages::conversation_id.eq(old.conversation_id))
        .filter(messages::continues.eq(id.0))
        .select(messages::id)
        .first(connection)
        .await
        .optional()?;
    match first {
        Some(first) => Err(Leave::With(SendOutcome::ContinuedBefore(first.into()))),
        None => Ok(()),
    }
}

/// Writes what a continuation has beyond an answer that begins anew.
async fn adorn(
    connection: &mut AsyncPgConnection,
    old: &Old,
    new: &NewContinuation,
    ids: SendAccepted,
) -> QueryResult<()> {
    diesel::update(messages::table.find(ids.message_id.0))
        .set((
            messages::continues.eq(new.message_id.0),
            messages::omitted_message_ids.eq(&old.omitted_message_ids),
        ))
        .execute(connection)
        .await?;
    diesel::update(generations::table.find(ids.generation_id.0))
        .set(generations::params.eq(&new.params))
        .execute(connection)
        .await?;
    Ok(())
}

async fn insert(connection: &mut AsyncPgConnection, id: GenerationId, chunks: &[Chunk]) -> QueryResult<()> {
    let bucket: i32 = generations::table.find(id.0).select(generations::bucket).first(connection).await?;
    let rows: Vec<_> = chunks
        .iter()
        .map(|chunk| {
            (
                generation_chunks::bucket.eq(bucket),
                generation_chunks::generation_id.eq(id.0),
                generation_chunks::seq.eq(signed(chunk.seq)),
                generation_chunks::epoch.eq(signed(chunk.epoch)),
                generation_chunks::byte_offset.eq(signed(chunk.byte_offset)),
                generation_chunks::kind.eq(Word(chunk.kind)),
                generation_chunks::body.eq(&chunk.body),
                generation_chunks::tokens.eq(&chunk.tokens),
            )
        })
        .collect();
    diesel::insert_into(generation_chunks::table).values(rows).execute(connection).await?;
    Ok(())
}

/// The first chunks of a journal that goes on with another one: one for each run of chunks of a kind, because the order
/// of the tokens must stay. What the end had left of a token is not taken over: it comes back with its token.
fn beginning(chunks: Vec<Chunk>) -> Vec<Chunk> {
    let mut beginning: Vec<Chunk> = Vec::new();
    for chunk in chunks.into_iter().filter(|chunk| !chunk.tokens.is_empty()) {
        match beginning.last_mut() {
            Some(last) if last.kind == chunk.kind => {
                last.body.push_str(&chunk.body);
                last.tokens.extend(chunk.tokens);
            }
            _ => {
                let seq = beginning.last().map_or(1, |last| last.seq + 1);
                beginning.push(Chunk { seq, epoch: 1, ..chunk });
            }
        }
    }
    beginning
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::ChunkKind;

    use crate::Assembled;

    #[test]
    fn a_continuation_begins_with_the_whole_tokens_of_the_old_answer_in_their_order() {
        let chunk = |seq, byte_offset, kind, body: &str, tokens: &[i32]| Chunk {
            seq,
            epoch: 3,
            byte_offset,
            kind,
            body: body.to_owned(),
            tokens: tokens.to_vec(),
        };
        let old = vec![
            chunk(1, 0, ChunkKind::Reasoning, "hm", &[1]),
            chunk(2, 2, ChunkKind::Reasoning, "m. ", &[2, 3]),
            chunk(3, 0, ChunkKind::Text, "Yes", &[4]),
            chunk(4, 3, ChunkKind::Text, ", but", &[5, 6]),
            chunk(5, 5, ChunkKind::Reasoning, "wait", &[7]),
            chunk(6, 8, ChunkKind::Text, "!", &[]),
        ];
        let new = beginning(old.clone());
        assert_eq!(
            new.iter().map(|chunk| (chunk.seq, chunk.epoch)).collect::<Vec<_>>(),
            [(1, 1), (2, 1), (3, 1)]
        );
        let (old, new) = (Assembled::from_chunks(&old), Assembled::from_chunks(&new));
        assert_eq!((new.text.as_str(), &new.reasoning), ("Yes, but", &old.reasoning));
        assert_eq!(new.tokens, old.tokens);
        assert!(old.is_cut && !new.is_cut);
    }
}
