//! What has to be done from time to time: the journal's partitions, and rows that nobody needs any more.
//! Every server calls it about once an hour and once at start; several at a time do no harm.

use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::conversations::RESTORABLE;
use crate::idempotency::KEPT_FOR;
use crate::{Store, StoreError};

/// What was removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Upkeep {
    /// Conversations that were deleted over an hour ago.
    pub conversations: usize,
    /// Sessions that ended over a day ago.
    pub sessions: usize,
    /// Answers that were kept for repeats, over a day ago.
    pub answers: usize,
    /// Days of the journal.
    pub partitions: usize,
}

/// Ended sessions stay for a day, so that the use of a stolen token is still noticed as such.
const ENDED_SESSIONS: &str = "DELETE FROM sessions
    WHERE least(expires_at, revoked_at) < now() - interval '1 day'";

/// Revoked keys stay for a day, so that every server hears of their end.
const REVOKED_KEYS: &str = "DELETE FROM api_keys WHERE revoked_at < now() - interval '1 day'";

/// No client repeats a send after a month: the page gives up on an outbox entry after a week.
const OLD_SENDS: &str = "DELETE FROM sends WHERE created_at < now() - interval '30 days'";

/// Longer than any policy remembers a try.
const OLD_THROTTLES: &str = "DELETE FROM login_throttle WHERE updated_at < now() - interval '2 days'";

/// Processes that are long gone and own nothing.
const OLD_REPLICAS: &str = "DELETE FROM replicas r WHERE lease_until < now() - interval '7 days'
    AND NOT EXISTS (SELECT FROM generations g
        WHERE g.owner = r.id AND g.status IN ('queued', 'running', 'stopping'))";

impl Store {
    /// Does what is due.
    ///
    /// # Errors
    /// Those of the database; the rest is done the next time.
    pub async fn upkeep(&self) -> Result<Upkeep, StoreError> {
        self.create_partitions().await?;
        let mut connection = self.connection().await?;
        // Not while an answer is being written: its end needs the row.
        let purge = format!(
            "DELETE FROM conversations c WHERE deleted_at IS NOT NULL AND NOT ({RESTORABLE})
             AND NOT EXISTS (SELECT FROM generations g WHERE g.conversation_id = c.id
                 AND g.status IN ('queued', 'running', 'stopping'))"
        );
        let conversations = run(&mut connection, &purge).await?;
        let sessions = run(&mut connection, ENDED_SESSIONS).await?;
        run(&mut connection, REVOKED_KEYS).await?;
        run(&mut connection, OLD_SENDS).await?;
        run(&mut connection, OLD_THROTTLES).await?;
        run(&mut connection, OLD_REPLICAS).await?;
        let old_keys = format!("DELETE FROM idempotency_keys WHERE created_at < now() - {KEPT_FOR}");
        let answers = run(&mut connection, &old_keys).await?;
        drop(connection);
        let partitions = self.drop_partitions().await?;
        Ok(Upkeep { conversations, sessions, answers, partitions })
    }
}

async fn run(connection: &mut AsyncPgConnection, statement: &str) -> Result<usize, StoreError> {
    Ok(diesel::sql_query(statement).execute(connection).await?)
}
