//! One device of a person: a browser with one tab open, whose stream is read for as long as the test lasts.
//!
//! ```text
//! open ─→ connect with the cursor ─→ read ─┬─ cut, silent, told to ─→ wait ─→ connect …
//!                                          ├─ a chunk was missed ─→ connect without a cursor
//!                                          └─ another conversation is opened
//! ```

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use reqwest::Method;
use shared::page::Page;
use shared::{ConversationId, GenerationId, Message, StreamEvent, paths};
use tokio::sync::watch;

use super::api::{Backoff, Browser, Trouble};
use super::hearing::Hearing;
use super::screen::{End, Next, Screen, Shown};
use crate::dice::Dice;
use crate::ledger::{Ledger, Rule};

/// A stream has a heartbeat every 15 s: one that is silent for longer is dead.
const SILENCE: Duration = Duration::from_secs(20);

/// How often a slow reader looks away, of a hundred pieces.
const SLOW_PERCENT: f64 = 5.0;

/// Rows a page of messages: the most.
const PAGE_ROWS: u32 = 200;

/// A device.
pub struct Device {
    browser: Browser,
    ledger: Ledger,
    /// It reads slowly: now and then it looks away for up to so many milliseconds.
    slow_ms: Option<u64>,
    /// What is open.
    conversation: watch::Sender<Option<ConversationId>>,
    screen: Mutex<Option<Screen>>,
    /// Counts the changes of the screen.
    changes: watch::Sender<u64>,
    /// Screens that were left, with all they showed to the end.
    left: Mutex<Vec<(GenerationId, String)>>,
    over: watch::Receiver<bool>,
}

enum Lost {
    /// Connect again at once, or after a time.
    Reconnect(Duration),
    /// Without a cursor.
    Restart,
    /// With growing waits.
    Broken(String),
    /// Another conversation is open, or the test is over.
    Left,
}

impl Device {
    /// A device that reads nothing yet.
    pub fn new(
        browser: Browser,
        ledger: Ledger,
        slow_ms: Option<u64>,
        over: watch::Receiver<bool>,
    ) -> Arc<Self> {
        Arc::new(Self {
            browser,
            ledger,
            slow_ms,
            conversation: watch::Sender::new(None),
            screen: Mutex::default(),
            changes: watch::Sender::new(0),
            left: Mutex::default(),
            over,
        })
    }

    /// Its browser.
    pub fn browser(&self) -> &Browser {
        &self.browser
    }

    /// Shows a conversation; `fresh`, as after a reload of the page, even where it is open already.
    pub fn open(&self, conversation: ConversationId, fresh: bool) {
        let mut screen = self.screen();
        if fresh || screen.as_ref().is_none_or(|screen| screen.conversation() != conversation) {
            if let Some(former) = screen.take() {
                self.leave(&former);
            }
            *screen = Some(Screen::new(self.browser.who(), self.ledger.clone(), conversation));
            drop(screen);
            self.conversation.send_replace(Some(conversation));
        }
    }

    /// Reads a conversation from the beginning, as after a reload, and shows it.
    pub async fn reload(&self, conversation: ConversationId) {
        self.ledger.count(|sums| sums.reloads += 1);
        self.ledger.note(self.browser.who(), format_args!("reloads {conversation}"));
        self.open(conversation, true);
        self.refresh(conversation).await;
    }

    /// An answer has begun here.
    pub fn expect(&self, id: GenerationId) {
        if let Some(screen) = self.screen().as_mut() {
            screen.expect(id);
        }
    }

    /// Waits for the end of an answer; none where another conversation was opened or the test ends first.
    pub async fn end_of(&self, id: GenerationId) -> Option<End> {
        self.look_until(|screen| screen.end(id)).await
    }

    /// Waits for the first word of an answer.
    pub async fn first_text_of(&self, id: GenerationId) {
        self.look_until(|screen| screen.text(id).filter(|text| !text.is_empty()).map(drop)).await;
    }

    async fn look_until<T>(&self, look: impl Fn(&Screen) -> Option<T>) -> Option<T> {
        let mut changes = self.changes.subscribe();
        loop {
            changes.mark_unchanged();
            if let Some(seen) = self.screen().as_ref().and_then(&look) {
                return Some(seen);
            }
            changes.changed().await.ok()?;
        }
    }

    /// How many bytes of an answer it shows.
    pub fn shown_bytes(&self, id: GenerationId) -> usize {
        self.screen().as_ref().and_then(|screen| screen.text(id)).map_or(0, str::len)
    }

    /// What it shows in the end, with everything that it has shown to its end before.
    pub fn shown(&self) -> Shown {
        let screen = self.screen();
        let now = screen.as_ref().map(Screen::shown);
        let mut finished = self.left.lock().unwrap_or_else(PoisonError::into_inner).clone();
        finished.extend(now.iter().flat_map(|now| now.finished.clone()));
        Shown {
            who: self.browser.who().to_owned(),
            is_waiting: now.is_some_and(|now| now.is_waiting),
            finished,
        }
    }

    /// Whether it believes that something runs.
    pub fn is_waiting(&self) -> bool {
        self.screen().as_ref().is_some_and(Screen::is_waiting)
    }

    /// Reads the stream of what is open, until the test is over.
    pub async fn follow(self: Arc<Self>) {
        let mut dice = self.browser.dice("reading");
        let mut backoff = Backoff::new(self.browser.dice("reconnecting"));
        let mut opened = self.conversation.subscribe();
        let mut over = self.over.clone();
        let mut with_cursor = true;
        loop {
            let Some(conversation) = *opened.borrow_and_update() else {
                tokio::select! {
                    _ = over.wait_for(|over| *over) => return,
                    _ = opened.changed() => continue,
                }
            };
            let lost = tokio::select! {
                _ = over.wait_for(|over| *over) => return,
                _ = opened.changed() => Lost::Left,
                lost = self.listen(conversation, with_cursor, &mut dice, &mut backoff) => lost,
            };
            with_cursor = true;
            match lost {
                Lost::Left => backoff.reset(),
                Lost::Restart => with_cursor = false,
                Lost::Reconnect(after) => tokio::time::sleep(after).await,
                Lost::Broken(why) => {
                    self.ledger.note(self.browser.who(), format_args!("loses its stream: {why}"));
                    self.ledger.count(|sums| sums.broken_streams += 1);
                    backoff.wait().await;
                }
            }
        }
    }

    async fn listen(
        &self,
        conversation: ConversationId,
        with_cursor: bool,
        dice: &mut Dice,
        backoff: &mut Backoff,
    ) -> Lost {
        let cursor = self.screen().as_ref().and_then(Screen::cursor).filter(|_| with_cursor);
        let shown = self.ledger.shown_by_now(conversation);
        self.ledger.note(self.browser.who(), format_args!("connects to {conversation} with {cursor:?}"));
        let cursor_id = cursor.map(|cursor| cursor.to_string());
        let response = match self.browser.open(&paths::stream_conversation(conversation), cursor_id).await {
            Ok(response) => response,
            Err(trouble) => return self.not_opened(trouble),
        };
        self.ledger.count(|sums| sums.streams += 1);
        backoff.reset();
        // As the page: what began and ended while nobody listened is in the messages, which are read beside the stream.
        let (mut refreshes, mut stale) = (FuturesUnordered::new(), false);
        refreshes.push(self.refresh(conversation));
        let mut bytes = response.bytes_stream();
        let mut hearing = Hearing::new(self.browser.who(), self.ledger.clone(), cursor);
        loop {
            if let Some(slow_ms) = self.slow_ms
                && dice.percent(SLOW_PERCENT)
            {
                tokio::time::sleep(dice.millis(0..=slow_ms)).await;
            }
            let heard = tokio::select! {
                Some(()) = refreshes.next() => {
                    if std::mem::take(&mut stale) {
                        refreshes.push(self.refresh(conversation));
                    }
                    continue;
                }
                heard = tokio::time::timeout(SILENCE, bytes.next()) => heard,
            };
            let piece = match heard {
                Err(_silent) => return Lost::Broken("silence".to_owned()),
                Ok(None) => return Lost::Broken("its end".to_owned()),
                Ok(Some(Err(error))) => return Lost::Broken(error.to_string()),
                Ok(Some(Ok(piece))) => piece,
            };
            let events = match hearing.push(&piece) {
                Ok(events) => events,
                Err(error) => return Lost::Broken(error.to_string()),
            };
            for event in events {
                match self.take(&event, &shown, conversation) {
                    Next::Listen => {}
                    Next::Refresh if refreshes.is_empty() => refreshes.push(self.refresh(conversation)),
                    // What is being read may be older than this news.
                    Next::Refresh => stale = true,
                    Next::Snapshot => return Lost::Restart,
                    Next::Reconnect(after_ms) => {
                        return Lost::Reconnect(Duration::from_millis(after_ms.into()));
                    }
                }
            }
        }
    }

    fn not_opened(&self, trouble: Trouble) -> Lost {
        if let Trouble::Refused(status, error) = &trouble {
            let passes = status.is_server_error() || matches!(status.as_u16(), 401 | 429);
            self.ledger.check(Rule::NothingRefused, passes, || {
                format!("{} opens a stream: {status} {error}", self.browser.who())
            });
        }
        Lost::Broken(format!("{trouble}"))
    }

    fn take(
        &self,
        event: &StreamEvent,
        shown: &BTreeMap<GenerationId, usize>,
        conversation: ConversationId,
    ) -> Next {
        let next = match self.screen().as_mut().filter(|screen| screen.conversation() == conversation) {
            Some(screen) => screen.take(event, shown),
            None => return Next::Listen,
        };
        self.changes.send_modify(|changes| *changes += 1);
        next
    }

    /// Reads the conversation as a whole, as the page does after news of its list.
    async fn refresh(&self, conversation: ConversationId) {
        let mut backoff = Backoff::new(self.browser.dice("refreshing"));
        let (messages, shown) = loop {
            let shown = self.ledger.shown_by_now(conversation);
            match self.messages(conversation).await {
                Ok(messages) => break (messages, shown),
                Err(trouble) if self.browser.recovers("messages", &trouble, &mut backoff).await => {}
                Err(_) => return,
            }
        };
        if let Some(screen) = self.screen().as_mut().filter(|screen| screen.conversation() == conversation) {
            screen.take_all(&messages, &shown);
        }
        self.changes.send_modify(|changes| *changes += 1);
    }

    /// All messages of a conversation.
    pub async fn messages(&self, conversation: ConversationId) -> Result<Vec<Message>, Trouble> {
        let path = paths::conversation_messages(conversation);
        let mut messages = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let query = cursor.map_or_else(String::new, |cursor| format!("&cursor={cursor}"));
            let path = format!("{path}?limit={PAGE_ROWS}{query}");
            let page: Page<Message> = self.browser.ask(Method::GET, &path, None::<&()>).await?;
            messages.extend(page.items);
            cursor = page.next_cursor;
            if cursor.is_none() {
                return Ok(messages);
            }
        }
    }

    fn leave(&self, screen: &Screen) {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        left.extend(screen.shown().finished);
    }

    fn screen(&self) -> MutexGuard<'_, Option<Screen>> {
        self.screen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
