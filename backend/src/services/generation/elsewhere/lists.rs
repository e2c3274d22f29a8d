//! Tells many people that their lists may have changed, without all of their pages asking at once.
//!
//! After hints were missed nobody knows whose lists they were about, so everybody who listens here is told: each person once,
//! however often hints were missed meanwhile, in no order, and no faster than the database answers beside its other work.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use shared::UserId;

use super::super::live::LiveHub;

/// People who are told in one go. Each of their tabs then asks for a page of the list: a millisecond of the database.
const AT_ONCE: usize = 20;
/// Between two goes: 200 people a second. A thousand know it in five seconds, before anybody misses a title.
const EVERY: Duration = Duration::from_millis(100);

/// Who is still to be told. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Lists {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    waiting: HashSet<UserId>,
    somebody_tells: bool,
}

impl Lists {
    /// These are to be told. True where nobody is at it: then [`tell`](Self::tell) has to be run.
    pub fn add(&self, users: impl IntoIterator<Item = UserId>) -> bool {
        let mut state = self.lock();
        state.waiting.extend(users);
        !std::mem::replace(&mut state.somebody_tells, true)
    }

    /// Tells everybody, also those who are added meanwhile.
    pub async fn tell(self, hub: LiveHub) {
        loop {
            let next = self.next();
            if next.is_empty() {
                return;
            }
            next.into_iter().for_each(|user| hub.list_changed(user));
            tokio::time::sleep(EVERY).await;
        }
    }

    fn next(&self) -> Vec<UserId> {
        let mut state = self.lock();
        let next: Vec<UserId> = state.waiting.iter().take(AT_ONCE).copied().collect();
        state.waiting.retain(|user| !next.contains(user));
        state.somebody_tells = !next.is_empty();
        next
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::live::Topic;
    use super::*;

    #[test]
    fn each_person_is_told_once_some_at_a_time_however_often_hints_were_missed() {
        let lists = Lists::default();
        let everybody: Vec<UserId> = (0..AT_ONCE * 3 - 1).map(|_| UserId::new()).collect();
        assert!(lists.add(everybody.iter().copied()));
        let mut told = lists.next();
        assert_eq!(told.len(), AT_ONCE);
        // Once more, while they are being told: nobody begins a second time.
        let rest: Vec<UserId> = everybody.iter().filter(|user| !told.contains(user)).copied().collect();
        assert!(!lists.add(rest));
        loop {
            let next = lists.next();
            assert!(next.len() <= AT_ONCE);
            if next.is_empty() {
                break;
            }
            told.extend(next);
        }
        told.sort();
        assert_eq!(told, everybody);
        assert!(lists.add(everybody), "and then again");
    }

    #[tokio::test]
    async fn all_tabs_of_a_person_hear_it() {
        let (lists, hub, user) = (Lists::default(), LiveHub::default(), UserId::new());
        let mut tabs = [hub.subscribe(Topic::User(user)), hub.subscribe(Topic::User(user))];
        assert!(lists.add([user]));
        lists.tell(hub).await;
        for tab in &mut tabs {
            assert!(tab.next().await.is_ok());
        }
    }
}
