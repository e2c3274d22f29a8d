//! What a runner is given to do. Everything about it is kept already.

use std::time::{Duration, Instant};

use shared::{ConversationId, MessageId, SendAccepted, UserId};
use store::{Claim, GenerationRow, ReplicaId};
use time::OffsetDateTime;

use super::request::CheckedRequest;

/// An answer to give.
#[derive(Clone, Debug)]
pub struct Job {
    /// Who asked.
    pub user: UserId,
    /// Where it is.
    pub conversation_id: ConversationId,
    /// The answer.
    pub message_id: MessageId,
    /// The right to write it.
    pub claim: Claim,
    /// When it was asked for.
    pub accepted_at: Instant,
    /// How far it is.
    pub work: Work,
}

/// How far an answer is.
#[derive(Clone, Debug)]
pub enum Work {
    /// It was asked for just now, here.
    Begin(Box<Beginning>),
    /// Somebody has kept it, and may have begun it: the database knows.
    GoOn,
}

/// An answer of which there is nothing yet.
#[derive(Clone, Debug)]
pub struct Beginning {
    /// The message to answer.
    pub question: MessageId,
    /// What was asked for.
    pub request: CheckedRequest,
}

impl Job {
    /// An answer that was asked for just now.
    pub fn new(user: UserId, ids: SendAccepted, owner: ReplicaId, accepted_at: Instant, work: Work) -> Self {
        Self {
            user,
            conversation_id: ids.conversation_id,
            message_id: ids.message_id,
            claim: Claim::first(ids.generation_id, owner),
            accepted_at,
            work,
        }
    }

    /// An answer that the owner of `row` has to go on with.
    pub fn claimed(row: &GenerationRow) -> Self {
        let age: Duration = (OffsetDateTime::now_utc() - row.created_at).try_into().unwrap_or_default();
        let now = Instant::now();
        Self {
            user: row.user_id,
            conversation_id: row.conversation_id,
            message_id: row.message_id,
            claim: row.claim(),
            accepted_at: now.checked_sub(age).unwrap_or(now),
            work: Work::GoOn,
        }
    }
}
