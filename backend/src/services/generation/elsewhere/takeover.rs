//! Taking over the answers of servers that are gone: each living server gets its share, as far as it has free slots, and
//! nobody all of them only because it noticed first.
//!
//! ```text
//! share, if slots are free ─→ the others are told ─→ what is left, if slots are free ─→ share, to be queued ─→ …
//! ```
//!
//! An answer that found no free slot anywhere waits in the queue of an engine like any other: stops, places and readers
//! are served there. The roof calls it as often as leases are prolonged.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use store::Orphans;
use tokio::sync::Notify;

use super::super::Generations;

/// Between two rounds, so that the others, who were told, can have their share: some flights of a notice. All rounds
/// together take about a second where nobody has a free slot, and the first is at once.
pub const ROUND: Duration = Duration::from_millis(250);

/// Why a replica looks for answers without an owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occasion {
    /// It is time, or a replica has said that it leaves.
    Due,
    /// Another one has taken its share.
    Shared,
}

/// What was heard of answers without an owner; more of the same says nothing new.
#[derive(Debug, Default)]
pub struct Orphaned {
    heard: Mutex<Option<Occasion>>,
    news: Notify,
}

impl Orphaned {
    /// Somebody has said so.
    pub fn leave(&self, occasion: Occasion) {
        *self.lock() = Some(occasion);
        self.news.notify_one();
    }

    /// Waits for it.
    pub async fn next(&self) -> Occasion {
        loop {
            if let Some(occasion) = self.lock().take() {
                return occasion;
            }
            self.news.notified().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Occasion>> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Generations {
    /// Goes on with some of the answers of replicas that are gone, in rounds that count from 0; true where some are left for
    /// the next. Only for a replica that has held its own lease long enough.
    pub async fn take_over(&self, occasion: Occasion, round: u32) -> bool {
        let owner = self.owner();
        let took = async {
            let mut orphans = self.store().orphans(owner).await?;
            if occasion == Occasion::Shared {
                orphans.replicas -= 1;
            }
            let limit = limit(round, orphans, self.free_slots());
            match limit {
                0 => Ok((orphans, Vec::new())),
                limit => Ok((orphans, self.store().claim_expired_generations(owner, limit).await?)),
            }
        };
        let (orphans, rows) = match took.await {
            Ok(took) => took,
            Err(error) => {
                let error: store::StoreError = error;
                tracing::debug!(%error, "cannot ask for answers without a server");
                return false;
            }
        };
        if !rows.is_empty() {
            tracing::info!(
                count = rows.len(),
                of = orphans.generations,
                "goes on with answers of a server that is gone"
            );
        }
        let is_alone = orphans.replicas <= 1;
        let are_left = orphans.generations > i64::try_from(rows.len()).unwrap_or(i64::MAX);
        rows.into_iter().for_each(|row| self.resume(row));
        // Whoever was told does not tell again.
        if are_left && round == 0 && occasion == Occasion::Due && !is_alone {
            self.hints().shared();
        }
        are_left
    }

    fn free_slots(&self) -> i64 {
        let running = i64::try_from(self.inner.registry.len()).unwrap_or(i64::MAX);
        i64::from(self.engine().slots()).saturating_sub(running).max(0)
    }
}

/// How many to take in a round.
fn limit(round: u32, orphans: Orphans, free_slots: i64) -> i64 {
    let share = (orphans.generations + orphans.replicas - 1) / orphans.replicas.max(1);
    match round {
        _ if orphans.replicas <= 1 => orphans.generations,
        0 => share.min(free_slots),
        1 => orphans.generations.min(free_slots),
        _ => share,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(generations: i64, replicas: i64) -> Orphans {
        Orphans { generations, replicas }
    }

    #[test]
    fn at_first_each_takes_its_share_and_no_more_than_it_has_slots() {
        assert_eq!(limit(0, of(10, 2), 8), 5);
        assert_eq!(limit(0, of(10, 2), 3), 3);
        assert_eq!(limit(0, of(10, 3), 8), 4);
        assert_eq!(limit(0, of(10, 2), 0), 0);
        assert_eq!(limit(0, of(0, 2), 8), 0);
    }

    #[test]
    fn what_others_did_not_take_is_taken_by_whoever_has_slots_and_then_queued_in_shares() {
        assert_eq!(limit(1, of(5, 2), 8), 5);
        assert_eq!(limit(1, of(5, 2), 2), 2);
        assert_eq!(limit(2, of(5, 2), 0), 3);
    }

    #[test]
    fn who_is_alone_takes_all_at_once() {
        assert_eq!(limit(0, of(50, 1), 0), 50);
    }

    #[test]
    fn everything_is_taken_in_a_second_where_nobody_has_a_slot() {
        let (mut left, mut rounds) = (64, 0);
        while left > 0 {
            for _ in 0..2 {
                left -= limit(rounds, of(left, 2), 0).min(left);
            }
            rounds += 1;
        }
        assert!(rounds <= 6, "{rounds}");
    }
}
