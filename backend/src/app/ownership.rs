//! What a living replica owes to the answers of a database that several share: it takes over those of servers that are
//! gone, takes up those of its own that nobody runs, and ends those that somebody stopped elsewhere.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior};

use super::replica::Lease;
use crate::services::generation::Generations;
use crate::services::generation::elsewhere::{Occasion, ROUND};

/// As often as leases are prolonged: nothing can have become free in between, unless its owner said so.
const CLAIM_EVERY: Duration = Duration::from_secs(2);
/// A stop is also hinted; this is for hints that were lost.
const STOPS_EVERY: Duration = Duration::from_secs(1);
/// More than a full claim takes; what others hold locked is left to the next time.
const ROUNDS_MAX: u32 = 8;
/// After an outage of the database everybody else has so long to come back first.
const LEASE: Duration = Duration::from_secs(store::LEASE_S as u64);

/// Keeps this up until it is dropped.
pub async fn run(lease: watch::Receiver<Lease>, generations: Generations) {
    tokio::join!(
        count_others(lease.clone(), &generations),
        take_over(lease, &generations),
        stop(&generations)
    );
}

async fn count_others(mut lease: watch::Receiver<Lease>, generations: &Generations) {
    while lease.changed().await.is_ok() {
        generations.hints().set_others(lease.borrow_and_update().others);
    }
}

async fn take_over(lease: watch::Receiver<Lease>, generations: &Generations) {
    let mut tick = tokio::time::interval(CLAIM_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut suspects = BTreeSet::new();
    loop {
        let (is_due, occasion) = tokio::select! {
            _ = tick.tick() => (true, Occasion::Due),
            occasion = generations.orphaned() => (false, occasion),
        };
        let may_claim = || may_claim(*lease.borrow(), Instant::now());
        let mut round = 0;
        while round < ROUNDS_MAX && may_claim() && generations.take_over(occasion, round).await {
            tokio::time::sleep(ROUND).await;
            round += 1;
        }
        if is_due && may_claim() {
            generations.take_up_forgotten(&mut suspects).await;
        }
    }
}

async fn stop(generations: &Generations) {
    let mut tick = tokio::time::interval(STOPS_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        generations.end_stopped().await;
    }
}

/// Whether all that others still own after this time was left by the dead: when the database comes back, nobody must
/// take for dead who is only a moment later than himself.
fn may_claim(lease: Lease, now: Instant) -> bool {
    !lease.is_taken && lease.held_since.is_some_and(|since| now.duration_since(since) >= LEASE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_has_lived_for_a_whole_lease_takes_over() {
        let since = Instant::now();
        let lease = Lease { held_since: Some(since), others: 1, is_taken: false };
        assert!(!may_claim(lease, since + LEASE - Duration::from_millis(1)));
        assert!(may_claim(lease, since + LEASE));
        assert!(!may_claim(Lease { held_since: None, ..lease }, since + LEASE));
        assert!(!may_claim(Lease { is_taken: true, ..lease }, since + LEASE));
    }
}
