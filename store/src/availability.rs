//! Whether the database is there, as this process last saw it.
//!
//! Every connection tells of its errors here, and so does whoever gets none. When one says that the database is gone, one
//! task asks until it is back; everybody else can wait for that ([`Store::until_up`]) instead of asking too.
//!
//! ```text
//! Up ──a connection broke, or none was made──→ Away ──a connection was made──→ Up
//! ```
//!
//! A PostgreSQL whose disk is full may end, and then nobody can ask it why. So the last word about a full disk is
//! remembered for a while, and an outage that follows it is [`StoreError::StorageFull`] for as long as it lasts, whoever
//! runs that PostgreSQL. What only its own log was told is known of a private one alone ([`Store::told_full`]).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use diesel::connection::{Instrumentation, InstrumentationEvent};
use diesel_async::RunQueryDsl;
use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::error::Kind;
use crate::{Store, StoreError, connection};

/// Between two questions whether the database is back: at first as fast as a server that only ended one connection can
/// be, then so that a person does not notice the difference.
const ASK_AGAIN: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(200));

/// A server that does not answer a question for so long is not back.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// After a full disk was told, an outage that begins within this time is because of it: longer than a PostgreSQL takes
/// from the first write that fails to the one that ends it, and than one that is started again and again without room.
const FULL_REMEMBERED: Duration = Duration::from_secs(60);

/// What this process knows of the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Availability {
    /// It answered last time.
    Up {
        /// How often it was away.
        outages: u64,
    },
    /// It is gone.
    Away {
        /// This outage included.
        outages: u64,
    },
}

impl Availability {
    /// How often the database was away. Something that failed while this number grew may be tried again.
    pub fn outages(self) -> u64 {
        match self {
            Self::Up { outages } | Self::Away { outages } => outages,
        }
    }

    /// Whether it answered last time.
    pub fn is_up(self) -> bool {
        matches!(self, Self::Up { .. })
    }
}

/// What is known, shared by all connections of a pool.
#[derive(Clone)]
pub(crate) struct Watch(Arc<Inner>);

struct Inner {
    url: String,
    runtime: Handle,
    state: watch::Sender<Availability>,
    room: Mutex<Room>,
}

/// What was told of the room on the database's disk.
#[derive(Clone, Copy, Debug, Default)]
struct Room {
    full_told_at: Option<Instant>,
    /// The outage of now, or the last one, is because of it.
    ended_by_it: bool,
}

impl Room {
    fn full(&mut self, now: Instant, is_away: bool) {
        self.full_told_at = Some(now);
        self.ended_by_it |= is_away;
    }

    fn went_away(&mut self, now: Instant) {
        self.ended_by_it = self.full_told_at.is_some_and(|told_at| now - told_at < FULL_REMEMBERED);
    }
}

impl Watch {
    /// To be called on the runtime that outlives every request.
    pub fn new(url: String) -> Self {
        Self(Arc::new(Inner {
            url,
            runtime: Handle::current(),
            state: watch::Sender::new(Availability::Up { outages: 0 }),
            room: Mutex::default(),
        }))
    }

    /// An error that some connection met.
    pub fn saw(&self, kind: Kind) {
        match kind {
            Kind::Full => self.saw_full(),
            Kind::Gone => self.saw_it_gone(),
            Kind::Passing | Kind::Other => {}
        }
    }

    pub fn saw_full(&self) {
        let is_away = !self.0.state.borrow().is_up();
        self.room().full(Instant::now(), is_away);
    }

    /// Whether the database is away because its disk is full.
    pub fn is_away_for_room(&self) -> bool {
        !self.0.state.borrow().is_up() && self.room().ended_by_it
    }

    fn room(&self) -> MutexGuard<'_, Room> {
        self.0.room.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn saw_it_gone(&self) {
        let changed = self.0.state.send_if_modified(|state| match *state {
            Availability::Up { outages } => {
                self.room().went_away(Instant::now());
                *state = Availability::Away { outages: outages + 1 };
                true
            }
            Availability::Away { .. } => false,
        });
        if changed {
            tracing::warn!("the database is away");
            self.0.runtime.spawn(ask_until_back(Arc::downgrade(&self.0)));
        }
    }
}

/// Ends with the outage, or with the last connection and pool that could tell anybody.
async fn ask_until_back(watch: Weak<Inner>) {
    let since = Instant::now();
    let (mut pause, longest) = ASK_AGAIN;
    loop {
        let Some(url) = watch.upgrade().map(|inner| inner.url.clone()) else { return };
        if matches!(tokio::time::timeout(ANSWER_WITHIN, ask(&url)).await, Ok(Ok(()))) {
            break;
        }
        tokio::time::sleep(pause).await;
        pause = longest.min(pause * 2);
    }
    let Some(inner) = watch.upgrade() else { return };
    tracing::info!(away_ms = since.elapsed().as_millis(), "the database is back");
    inner.state.send_modify(|state| *state = Availability::Up { outages: state.outages() });
}

async fn ask(url: &str) -> Result<(), StoreError> {
    let mut connection = connection::connect(url).await.map_err(StoreError::unavailable)?;
    diesel::sql_query("SELECT 1").execute(&mut connection).await?;
    Ok(())
}

impl Instrumentation for Watch {
    fn on_connection_event(&mut self, event: InstrumentationEvent<'_>) {
        if let InstrumentationEvent::FinishQuery { error: Some(error), .. } = event {
            self.saw(Kind::of(error));
        }
    }
}

impl Store {
    /// What is known of the database at this moment, without asking it.
    pub fn availability(&self) -> Availability {
        *self.watch.0.state.borrow()
    }

    /// Whether the database is away because its disk is full, as far as anybody told.
    pub fn is_away_for_room(&self) -> bool {
        self.watch.is_away_for_room()
    }

    /// Returns when the database is there; at once where it is not known to be away.
    pub async fn until_up(&self) {
        let mut state = self.watch.0.state.subscribe();
        // Fails only when the sender is gone, and that is held here.
        let _ = state.wait_for(|state| state.is_up()).await;
    }

    /// Somebody else knows that the database has no room left: whoever runs it.
    pub fn told_full(&self) {
        self.watch.saw_full();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_soon_after_a_full_disk_is_because_of_it_to_its_end_and_a_later_one_is_not() {
        let now = Instant::now();
        let mut room = Room::default();
        room.went_away(now);
        assert!(!room.ended_by_it);
        room.full(now, false);
        assert!(!room.ended_by_it, "the database is there");
        room.went_away(now + FULL_REMEMBERED / 2);
        assert!(room.ended_by_it);
        room.went_away(now + FULL_REMEMBERED);
        assert!(!room.ended_by_it, "it was there in between");
        room.full(now + FULL_REMEMBERED, true);
        assert!(room.ended_by_it, "told while it was away");
    }
}
