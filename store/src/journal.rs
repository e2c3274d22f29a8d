//! The journal: the append-only chunks of every generation. What was appended here may be shown; nothing
//! else.
//!
//! The flusher of a server appends the news of all its generations at once; readers that fell behind,
//! snapshots and the end of a generation read it.

use std::collections::BTreeMap;

use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Integer, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use shared::{ChunkKind, GenerationId, UserId};
use uuid::Uuid;

use crate::column::{Word, signed, storable};
use crate::schema::generation_chunks;
use crate::{Assembled, GenerationRow, ReplicaId, Store, StoreError};

/// A chunk to append.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewChunk {
    /// The run.
    pub generation_id: GenerationId,
    /// The owner's number: see [`Claim`](crate::Claim).
    pub epoch: u32,
    /// Counts the chunks of its generation, from 1.
    pub seq: u32,
    /// Bytes of text of this kind before it.
    pub byte_offset: u32,
    /// Which text it belongs to.
    pub kind: ChunkKind,
    /// The text; pass it through [`storable`] before it is published.
    pub body: String,
    /// Exactly the tokens whose bytes are the text.
    pub tokens: Vec<i32>,
}

/// A chunk as it stands in the journal.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = generation_chunks, check_for_backend(diesel::pg::Pg))]
pub struct Chunk {
    /// Counts the chunks of its generation, from 1.
    #[diesel(deserialize_as = i32)]
    pub seq: u32,
    /// Which owner wrote it.
    #[diesel(deserialize_as = i32)]
    pub epoch: u32,
    /// Bytes of text of this kind before it.
    #[diesel(deserialize_as = i32)]
    pub byte_offset: u32,
    /// Which text it belongs to.
    #[diesel(deserialize_as = Word<ChunkKind>)]
    pub kind: ChunkKind,
    /// The text.
    pub body: String,
    /// Exactly the tokens whose bytes are the text.
    pub tokens: Vec<i32>,
}

/// A generation and the chunks that a reader lacks. Where the generation has ended these are all.
#[derive(Clone, Debug)]
pub struct JournalRead {
    /// The generation, read before the chunks.
    pub generation: GenerationRow,
    /// In order.
    pub chunks: Vec<Chunk>,
}

/// A generation and its whole text so far.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// The generation, read before the text.
    pub generation: GenerationRow,
    /// The text. Where the generation has ended and its journal is gone, the message has it.
    pub assembled: Assembled,
}

#[derive(QueryableByName)]
struct Fenced {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    #[diesel(sql_type = Integer)]
    epoch: i32,
    #[diesel(sql_type = Integer)]
    bucket: i32,
    /// Chunks that were written, of all generations together.
    #[diesel(sql_type = BigInt)]
    inserted: i64,
}

/// One statement, so one transaction and one wait for the disk. A chunk's tokens are a slice of `$10`, since
/// arrays of arrays must be rectangular. What is there already was written by a call whose answer was lost. The
/// fenced rows go through arrays because the planner takes an array for ten rows and hashes them; of the rows
/// themselves it expects one, and compares every chunk with every generation.
const APPEND: &str = "
    WITH batch AS (
        SELECT * FROM unnest($2::uuid[], $3::int[], $4::int[], $5::int[], $6::text[], $7::text[], $8::int[],
                $9::int[]) AS t (generation_id, epoch, seq, byte_offset, kind, body, token_start, token_end)
    ), fenced AS (
        SELECT id, epoch, bucket FROM generations
        WHERE id = ANY ($2::uuid[]) AND owner = $1 AND status IN ('queued', 'running', 'stopping')
        ORDER BY id FOR SHARE
    ), inserted AS (
        INSERT INTO generation_chunks (bucket, generation_id, seq, epoch, byte_offset, kind, body, tokens)
        SELECT f.bucket, b.generation_id, b.seq, b.epoch, b.byte_offset, b.kind, b.body,
            ($10::int[])[b.token_start + 1 : b.token_end]
        FROM batch b JOIN unnest(ARRAY (SELECT id FROM fenced), ARRAY (SELECT epoch FROM fenced),
                ARRAY (SELECT bucket FROM fenced)) AS f (id, epoch, bucket)
            ON f.id = b.generation_id AND f.epoch = b.epoch
        ON CONFLICT (bucket, generation_id, seq) DO NOTHING
        RETURNING seq
    )
    SELECT id, epoch, bucket, (SELECT count(*) FROM inserted) AS inserted FROM fenced";

impl Store {
    /// Appends chunks of any number of generations of one server, all or nothing, and tells which generations
    /// are no longer its own: of those nothing was written, and their runners must end. Repeating a call
    /// whose answer was lost is harmless.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] where the journal has another text in the place of a chunk; else those of the
    /// database. A [retryable](StoreError::is_retryable) one leaves open whether the chunks were written.
    pub async fn append_chunks(
        &self,
        owner: ReplicaId,
        chunks: &[NewChunk],
    ) -> Result<Vec<GenerationId>, StoreError> {
        if chunks.is_empty() {
            return Ok(Vec::new());
        }
        let mut tokens: Vec<i32> = Vec::new();
        let mut token_starts = Vec::with_capacity(chunks.len());
        let mut token_ends = Vec::with_capacity(chunks.len());
        for chunk in chunks {
            token_starts.push(position(tokens.len()));
            tokens.extend_from_slice(&chunk.tokens);
            token_ends.push(position(tokens.len()));
        }
        let column = |value: fn(&NewChunk) -> u32| -> Vec<i32> {
            chunks.iter().map(|chunk| signed(value(chunk))).collect()
        };
        let ids: Vec<Uuid> = chunks.iter().map(|chunk| chunk.generation_id.0).collect();
        let kinds: Vec<Word<ChunkKind>> = chunks.iter().map(|chunk| Word(chunk.kind)).collect();
        let bodies: Vec<_> = chunks.iter().map(|chunk| storable(&chunk.body)).collect();
        let mut connection = self.connection().await?;
        let fenced: Vec<Fenced> = diesel::sql_query(APPEND)
            .bind::<SqlUuid, _>(owner.0)
            .bind::<Array<SqlUuid>, _>(&ids)
            .bind::<Array<Integer>, _>(column(|chunk| chunk.epoch))
            .bind::<Array<Integer>, _>(column(|chunk| chunk.seq))
            .bind::<Array<Integer>, _>(column(|chunk| chunk.byte_offset))
            .bind::<Array<Text>, _>(&kinds)
            .bind::<Array<Text>, _>(&bodies)
            .bind::<Array<Integer>, _>(&token_starts)
            .bind::<Array<Integer>, _>(&token_ends)
            .bind::<Array<Integer>, _>(&tokens)
            .load(&mut connection)
            .await?;
        let mut sent: BTreeMap<(Uuid, i32), Vec<&NewChunk>> = BTreeMap::new();
        for chunk in chunks {
            sent.entry((chunk.generation_id.0, signed(chunk.epoch))).or_default().push(chunk);
        }
        let written: Vec<(&Fenced, Vec<&NewChunk>)> =
            fenced.iter().filter_map(|row| Some((row, sent.remove(&(row.id, row.epoch))?))).collect();
        let expected: i64 = written.iter().map(|(_, chunks)| chunks.len() as i64).sum();
        if fenced.iter().any(|row| row.inserted != expected) {
            for (row, chunks) in &written {
                expect_same(&mut connection, row, chunks).await?;
            }
        }
        Ok(sent.into_keys().map(|(id, _)| GenerationId(id)).collect())
    }

    /// The chunks of a generation after `seq`, at most `limit`, and the generation itself.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where they have no such generation.
    pub async fn journal_after(
        &self,
        user: UserId,
        id: GenerationId,
        seq: u32,
        limit: u32,
    ) -> Result<JournalRead, StoreError> {
        let generation = self.generation(user, id).await?;
        let mut connection = self.connection().await?;
        let chunks = generation_chunks::table
            .filter(generation_chunks::bucket.eq(generation.bucket))
            .filter(generation_chunks::generation_id.eq(id.0))
            .filter(generation_chunks::seq.gt(signed(seq)))
            .order(generation_chunks::seq)
            .limit(i64::from(limit))
            .select(Chunk::as_select())
            .load(&mut connection)
            .await?;
        Ok(JournalRead { generation, chunks })
    }

    /// The whole text of a generation so far.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where they have no such generation.
    pub async fn snapshot(&self, user: UserId, id: GenerationId) -> Result<Snapshot, StoreError> {
        let generation = self.generation(user, id).await?;
        let assembled = assemble(&mut *self.connection().await?, generation.bucket, id).await?;
        Ok(Snapshot { generation, assembled })
    }
}

/// Puts the text of a generation together.
pub(crate) async fn assemble(
    connection: &mut AsyncPgConnection,
    bucket: i32,
    id: GenerationId,
) -> Result<Assembled, StoreError> {
    Ok(Assembled::from_chunks(&chunks(connection, bucket, id).await?))
}

/// All chunks of a generation, in order.
pub(crate) async fn chunks(
    connection: &mut AsyncPgConnection,
    bucket: i32,
    id: GenerationId,
) -> QueryResult<Vec<Chunk>> {
    generation_chunks::table
        .filter(generation_chunks::bucket.eq(bucket))
        .filter(generation_chunks::generation_id.eq(id.0))
        .order(generation_chunks::seq)
        .select(Chunk::as_select())
        .load(connection)
        .await
}

/// Some chunks were there already: they must be the same ones.
async fn expect_same(
    connection: &mut AsyncPgConnection,
    row: &Fenced,
    sent: &[&NewChunk],
) -> Result<(), StoreError> {
    let seqs: Vec<i32> = sent.iter().map(|chunk| signed(chunk.seq)).collect();
    let kept: Vec<Chunk> = generation_chunks::table
        .filter(generation_chunks::bucket.eq(row.bucket))
        .filter(generation_chunks::generation_id.eq(row.id))
        .filter(generation_chunks::seq.eq_any(seqs))
        .select(Chunk::as_select())
        .load(connection)
        .await?;
    let same = |new: &&&NewChunk| {
        kept.iter().any(|old| {
            (old.seq, old.epoch, old.byte_offset) == (new.seq, new.epoch, new.byte_offset)
                && old.kind == new.kind
                && old.body == storable(&new.body)
        })
    };
    if sent.iter().filter(same).count() == sent.len() { Ok(()) } else { Err(StoreError::Conflict) }
}

fn position(index: usize) -> i32 {
    i32::try_from(index).unwrap_or(i32::MAX)
}
