//! One open stream: what one tab hears.
//!
//! ```text
//! subscribe ─→ read what the cursor lacks ─→ snapshots of the other answers ─→ live ─→ reconnect
//!                      ↑                                                        │
//!                      └────────────── a gap, or too slow for the hub ──────────┘
//! ```
//!
//! A reader owns nothing: it takes events only when its connection can send them, keeps at most one page of the
//! journal, and is gone when it is dropped. It does not check who may read for how long: the route does.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use shared::{ApiError, ConversationId, Cursor, ErrorCode, GenerationId, StreamEvent, UserId};
use store::{GenerationRow, StoreError};
use tokio::sync::watch;
use tokio::time::Instant;

use super::backoff::{Backoff, is_outage};
use super::live::{Ended, Lagged, LiveEvent, Subscription, Topic};
use super::merge::{Merge, Verdict};
use super::{Generations, chunk_event, end_event};
use crate::error::AppResult;
use crate::services::absence::absent;

/// A stream is asked to connect again after this time: its reader is authorised again, and the load of a server
/// that has just started spreads.
pub const STREAM_LIFETIME: Duration = Duration::from_secs(600);
/// Chunks of one read of the journal: about a quarter of a minute of a fast answer.
const PAGE_CHUNKS: u32 = 256;
/// Readers see a pause for so long before they are told that the database is away.
const SILENT_FOR: Duration = Duration::from_secs(60);
/// Between two words on the models, whose states change by the hundred while one loads; the last change is never
/// kept back for longer.
const MODELS_EVERY: Duration = Duration::from_millis(500);
/// After a shutdown everybody comes back within this time, not at once.
const RETURN_WITHIN_MS: u32 = 1000;

/// An open stream.
pub struct Reader {
    generations: Generations,
    user: UserId,
    conversation: Option<ConversationId>,
    answers: Option<Subscription>,
    news: Subscription,
    models: watch::Receiver<u64>,
    models_told_at: Option<Instant>,
    until: Instant,
    merge: Merge,
    lagged: bool,
    behind: BTreeSet<GenerationId>,
    ready: VecDeque<StreamEvent>,
    ended: bool,
}

impl Reader {
    /// Opens a stream of a person's news, and of one conversation's answers where one is given. `cursor` is where a
    /// former stream ended.
    ///
    /// # Errors
    /// `not_found` where they have no such conversation.
    pub async fn open(
        generations: Generations,
        user: UserId,
        conversation: Option<ConversationId>,
        cursor: Option<Cursor>,
    ) -> AppResult<Self> {
        // Before anything is read, so that nothing can fall between.
        let news = generations.hub().subscribe(Topic::User(user));
        let answers = conversation.map(|id| generations.hub().subscribe(Topic::Conversation(id)));
        let mut models = generations.engine().watch_models();
        models.mark_unchanged();
        let mut reader = Self {
            generations,
            user,
            conversation,
            answers,
            news,
            models,
            models_told_at: None,
            until: Instant::now() + STREAM_LIFETIME,
            merge: Merge::default(),
            lagged: false,
            behind: BTreeSet::new(),
            ready: VecDeque::new(),
            ended: false,
        };
        if let Some(conversation) = conversation {
            let unfinished = reader
                .generations
                .store()
                .unfinished_generations(user, conversation)
                .await
                .map_err(absent("conversation"))?;
            if let Some(cursor) = cursor {
                reader.resume(conversation, cursor).await?;
            }
            for row in unfinished {
                reader.show(&row).await?;
            }
        }
        // After the snapshots: what the page believes to be running and was not named by now has ended.
        reader.ready.push_back(StreamEvent::List {});
        Ok(reader)
    }

    /// The next event; none after the stream has ended.
    pub async fn next(&mut self) -> Option<StreamEvent> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            if self.ended {
                return None;
            }
            if self.lagged || !self.behind.is_empty() {
                // Rare, and large while it lasts.
                Box::pin(self.catch_up()).await;
            } else {
                self.listen().await;
            }
        }
    }

    /// Goes on where a former stream ended. A cursor that is not of this conversation, or ahead of the journal, is
    /// as good as none.
    async fn resume(&mut self, conversation: ConversationId, cursor: Cursor) -> AppResult<()> {
        let store = self.generations.store();
        let read =
            match store.journal_after(self.user, cursor.generation_id, cursor.seq.saturating_sub(1), 1).await
            {
                Ok(read) => read,
                Err(StoreError::NotFound) => return Ok(()),
                Err(error) => return Err(error.into()),
            };
        let known = cursor.seq == 0 || read.chunks.first().is_some_and(|chunk| chunk.seq == cursor.seq);
        let ended = !read.generation.status.is_unfinished();
        if read.generation.conversation_id == conversation && (known || ended) {
            self.merge.begin(cursor.generation_id, cursor.seq);
            if !ended {
                self.generations.follow(&read.generation, cursor.seq);
                if cursor.seq == 0 {
                    self.ready.extend(self.generations.progress(cursor.generation_id));
                }
            }
            self.behind.insert(cursor.generation_id);
        }
        Ok(())
    }

    /// The whole text so far of an answer that the reader does not follow yet, and what it is doing.
    async fn show(&mut self, row: &GenerationRow) -> Result<(), StoreError> {
        if self.merge.position(row.id).is_some() {
            return Ok(());
        }
        let snapshot = self.generations.store().snapshot(self.user, row.id).await?;
        let assembled = snapshot.assembled;
        self.merge.begin(row.id, assembled.seq);
        self.ready.push_back(StreamEvent::Snapshot {
            generation_id: row.id,
            message_id: row.message_id,
            epoch: assembled.epoch.max(row.epoch),
            seq: assembled.seq,
            text: assembled.text,
            reasoning: assembled.reasoning,
            tool: assembled.tool,
        });
        if assembled.seq == 0 {
            self.ready.extend(self.generations.progress(row.id));
        }
        self.generations.follow(row, assembled.seq);
        if !snapshot.generation.status.is_unfinished() {
            self.behind.insert(row.id);
        }
        Ok(())
    }

    /// Reads what the reader lacks. While the database is away the reader waits with it.
    async fn catch_up(&mut self) {
        let mut backoff = Backoff::default();
        let began = Instant::now();
        loop {
            let Err(error) = self.read_missing().await else { return };
            if !is_outage(&error) || began.elapsed() >= SILENT_FOR {
                return self.give_up(error);
            }
            let closing = self.generations.closing().clone();
            tokio::select! {
                () = closing.cancelled() => return self.say_goodbye(),
                () = backoff.wait_for(self.generations.store()) => {}
            }
        }
    }

    async fn read_missing(&mut self) -> Result<(), StoreError> {
        if self.lagged {
            self.find_missing().await?;
            self.lagged = false;
        }
        match self.behind.first().copied() {
            Some(id) => self.read_journal(id).await,
            None => Ok(()),
        }
    }

    /// Was too slow for the hub: anything may have happened to any answer.
    async fn find_missing(&mut self) -> Result<(), StoreError> {
        let followed: Vec<GenerationId> = self.merge.unfinished().collect();
        self.behind.extend(followed);
        let Some(conversation) = self.conversation else { return Ok(()) };
        let store = self.generations.store();
        for row in store.unfinished_generations(self.user, conversation).await? {
            self.show(&row).await?;
        }
        Ok(())
    }

    async fn read_journal(&mut self, id: GenerationId) -> Result<(), StoreError> {
        let after = self.merge.position(id).unwrap_or_default();
        let store = self.generations.store();
        let read = store.journal_after(self.user, id, after, PAGE_CHUNKS).await?;
        let row = read.generation;
        let last_page = read.chunks.len() < PAGE_CHUNKS as usize;
        for chunk in read.chunks {
            if self.merge.chunk(id, chunk.seq) == Verdict::Send {
                self.ready.push_back(chunk_event(id, row.message_id, chunk));
            }
        }
        // A page that brought nothing new will not the next time either.
        if !last_page && self.merge.position(id) != Some(after) {
            return Ok(());
        }
        if !row.status.is_unfinished() {
            let message = store.message(self.user, row.message_id).await?;
            // Whatever the journal still has was sent; the message has the whole text.
            if self.merge.end_without_journal(id) == Verdict::Send {
                self.ready.extend([end_event(id, &message), StreamEvent::Message { message }]);
            }
        }
        self.behind.remove(&id);
        Ok(())
    }

    async fn listen(&mut self) {
        let closing = self.generations.closing().clone();
        tokio::select! {
            biased;
            () = closing.cancelled() => self.say_goodbye(),
            () = tokio::time::sleep_until(self.until) => {
                self.ready.push_back(StreamEvent::Reconnect { after_ms: 0 });
                self.ended = true;
            }
            event = next_of(&mut self.answers) => match event {
                Ok(event) => self.answer_event(&event),
                Err(Lagged) => self.lagged = true,
            },
            event = self.news.next() => match event {
                Ok(event) => self.news_event(&event),
                // What was missed is not known: the page fetches everything when it connects again.
                Err(Lagged) => {
                    self.ready.push_back(StreamEvent::Reconnect { after_ms: 0 });
                    self.ended = true;
                }
            },
            () = next_of_models(&mut self.models, self.models_told_at) => {
                self.models_told_at = Some(Instant::now());
                self.ready.push_back(StreamEvent::Models {});
            }
        }
    }

    fn answer_event(&mut self, event: &LiveEvent) {
        match event {
            LiveEvent::Ended(ended) => self.end(ended),
            LiveEvent::Stream(event) => {
                let verdict = match event {
                    StreamEvent::Delta { generation_id, seq, .. } => self.merge.chunk(*generation_id, *seq),
                    StreamEvent::Queued { generation_id, .. }
                    | StreamEvent::Loading { generation_id, .. }
                    | StreamEvent::Prefill { generation_id, .. } => self.merge.progress(*generation_id),
                    StreamEvent::Usage { generation_id, .. } => self.merge.aside(*generation_id),
                    _ => Verdict::Send,
                };
                match (verdict, event) {
                    (Verdict::Send, event) => self.ready.push_back(event.clone()),
                    (Verdict::Behind { .. }, StreamEvent::Delta { generation_id, .. }) => {
                        self.behind.insert(*generation_id);
                    }
                    _ => {}
                }
            }
        }
    }

    fn end(&mut self, ended: &Ended) {
        match self.merge.end(ended.generation_id, ended.last_seq) {
            Verdict::Send => {
                let message = StreamEvent::Message { message: ended.message.clone() };
                self.ready.extend([ended.event.clone(), message]);
            }
            Verdict::Behind { .. } => {
                self.behind.insert(ended.generation_id);
            }
            Verdict::Skip => {}
        }
    }

    fn news_event(&mut self, event: &LiveEvent) {
        let LiveEvent::Stream(event) = event else { return };
        if let StreamEvent::Message { message } = event {
            // The place of an answer may be told after the answer itself, which was faster.
            let is_late = message.status.is_running()
                && message.generation_id.is_some_and(|id| self.merge.has_ended(id));
            if is_late || Some(message.conversation_id) != self.conversation {
                return;
            }
        }
        self.ready.push_back(event.clone());
    }

    fn give_up(&mut self, error: StoreError) {
        self.ended = true;
        if matches!(error, StoreError::NotFound) {
            // The conversation was deleted meanwhile; the list says so.
            return self.ready.push_back(StreamEvent::List {});
        }
        tracing::warn!(%error, "a stream cannot read the journal");
        let error = ApiError::new(
            ErrorCode::DatabaseUnavailable,
            "The database cannot be reached just now. Nothing is lost: the answer goes on when it is back.",
        );
        self.ready.extend([
            StreamEvent::Error { generation_id: None, error },
            StreamEvent::Reconnect { after_ms: RETURN_WITHIN_MS },
        ]);
    }

    fn say_goodbye(&mut self) {
        self.ended = true;
        let after_ms = rand::random_range(100..=RETURN_WITHIN_MS);
        self.ready.push_back(StreamEvent::Reconnect { after_ms });
    }
}

/// The next event of a subscription; never, where there is none.
async fn next_of(subscription: &mut Option<Subscription>) -> Result<Arc<LiveEvent>, Lagged> {
    match subscription {
        Some(subscription) => subscription.next().await,
        None => std::future::pending().await,
    }
}

/// Waits until the models have changed since the last time, and that is [`MODELS_EVERY`] ago.
async fn next_of_models(models: &mut watch::Receiver<u64>, told_at: Option<Instant>) {
    if let Some(told_at) = told_at {
        tokio::time::sleep_until(told_at + MODELS_EVERY).await;
    }
    if models.changed().await.is_err() {
        std::future::pending().await
    }
}
