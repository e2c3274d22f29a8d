//! What the database has at the end, read beside the servers.

use std::collections::BTreeMap;

use shared::{ConversationId, GenerationId, MessageId};
use tokio_postgres::{Client, Row};
use uuid::Uuid;

use crate::failure::{Doing, Failure, Outcome};

/// Everything that the checks look at.
#[derive(Debug, Default)]
pub struct Record {
    /// All messages.
    pub messages: BTreeMap<MessageId, MessageRecord>,
    /// The titles of all conversations.
    pub conversations: Vec<(ConversationId, String)>,
    /// All answers, finished or not.
    pub generations: BTreeMap<GenerationId, GenerationRecord>,
}

/// A row of `messages`.
#[derive(Clone, Debug)]
pub struct MessageRecord {
    /// Where it is.
    pub conversation: ConversationId,
    /// What it follows.
    pub parent: Option<MessageId>,
    /// Whether a person wrote it.
    pub by_person: bool,
    /// The text.
    pub content: String,
    /// The word of the status.
    pub status: String,
    /// The word of the reason.
    pub finish_reason: Option<String>,
    /// The answer that this one goes on with.
    pub continues: Option<MessageId>,
}

/// A row of `generations`, with its journal.
#[derive(Clone, Debug)]
pub struct GenerationRecord {
    /// What it wrote.
    pub message: MessageId,
    /// The word of the status.
    pub status: String,
    /// Owners so far.
    pub epoch: i32,
    /// How often its engine died.
    pub engine_deaths: i32,
    /// As recorded at the end.
    pub last_seq: i32,
    /// Whether its end has a time.
    pub has_end: bool,
    /// Why it failed.
    pub error: Option<String>,
    /// In order.
    pub chunks: Vec<ChunkRecord>,
}

/// A row of `generation_chunks`.
#[derive(Clone, Debug)]
pub struct ChunkRecord {
    /// Counts from 1.
    pub seq: i32,
    /// Who wrote it.
    pub epoch: i32,
    /// Bytes before it.
    pub byte_offset: i32,
    /// The word of the kind.
    pub kind: String,
    /// The text.
    pub body: String,
    /// How many tokens it is.
    pub tokens: i32,
}

impl Record {
    /// Reads it all.
    pub async fn read(client: &Client) -> Outcome<Self> {
        let mut record = Self::default();
        let conversations = "SELECT id::text, title FROM conversations";
        for row in client.query(conversations, &[]).await.doing("read the conversations")? {
            record.conversations.push((ConversationId(uuid(&row, 0)?), row.get(1)));
        }
        let messages =
            "SELECT id::text, conversation_id::text, parent_id::text, role = 'user', content, status,
            finish_reason, continues::text FROM messages";
        for row in client.query(messages, &[]).await.doing("read the messages")? {
            let message = MessageRecord {
                conversation: ConversationId(uuid(&row, 1)?),
                parent: optional_uuid(&row, 2)?.map(MessageId),
                by_person: row.get(3),
                content: row.get(4),
                status: row.get(5),
                finish_reason: row.get(6),
                continues: optional_uuid(&row, 7)?.map(MessageId),
            };
            record.messages.insert(MessageId(uuid(&row, 0)?), message);
        }
        let generations = "SELECT id::text, message_id::text, status, epoch, engine_deaths, last_seq,
            ended_at IS NOT NULL, error::text FROM generations";
        for row in client.query(generations, &[]).await.doing("read the generations")? {
            let generation = GenerationRecord {
                message: MessageId(uuid(&row, 1)?),
                status: row.get(2),
                epoch: row.get(3),
                engine_deaths: row.get(4),
                last_seq: row.get(5),
                has_end: row.get(6),
                error: row.get(7),
                chunks: Vec::new(),
            };
            record.generations.insert(GenerationId(uuid(&row, 0)?), generation);
        }
        let chunks = "SELECT generation_id::text, seq, epoch, byte_offset, kind, body, cardinality(tokens)
            FROM generation_chunks ORDER BY generation_id, seq";
        for row in client.query(chunks, &[]).await.doing("read the journal")? {
            let chunk = ChunkRecord {
                seq: row.get(1),
                epoch: row.get(2),
                byte_offset: row.get(3),
                kind: row.get(4),
                body: row.get(5),
                tokens: row.get(6),
            };
            if let Some(generation) = record.generations.get_mut(&GenerationId(uuid(&row, 0)?)) {
                generation.chunks.push(chunk);
            }
        }
        Ok(record)
    }

    /// How many tokens an answer has.
    pub fn tokens(&self, message: MessageId) -> u32 {
        let of_message = self.generations.values().filter(|generation| generation.message == message);
        let tokens: i32 = of_message.flat_map(|it| &it.chunks).map(|chunk| chunk.tokens).sum();
        u32::try_from(tokens).unwrap_or_default()
    }

    /// The messages from the first of a branch to this one.
    pub fn path(&self, last: MessageId) -> Vec<&MessageRecord> {
        let mut path = Vec::new();
        let mut next = Some(last);
        while let Some(message) = next.and_then(|id| self.messages.get(&id)) {
            path.push(message);
            next = message.parent;
        }
        path.reverse();
        path
    }
}

fn uuid(row: &Row, column: usize) -> Outcome<Uuid> {
    optional_uuid(row, column)?.ok_or_else(|| Failure::new("an id is missing in the database"))
}

fn optional_uuid(row: &Row, column: usize) -> Outcome<Option<Uuid>> {
    let text: Option<String> = row.get(column);
    text.map(|text| Uuid::parse_str(&text).doing("read an id")).transpose()
}
