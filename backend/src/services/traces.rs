//! What the engine keeps of what people wrote, so that it is not read twice: whose it is, and that it goes with what it was
//! made of.
//!
//! The engine knows people and conversations by numbers that only this installation can tell from their ids. What is deleted
//! is forgotten at once here, by a hint on the other servers, and where hints were lost or a server was away, by a sweep of its directory.

use std::collections::{BTreeMap, BTreeSet};

use engine::{Engine, Whose};
use shared::{ConversationId, UserId};
use store::{Store, StoreError};
use uuid::Uuid;

use super::auth::keys::{Key, Keys, hmac_sha256};

/// Numbers for the engine, and how it is made to forget them. Cheap to clone.
#[derive(Clone)]
pub struct Traces {
    store: Store,
    engine: Engine,
    key: Key,
}

impl Traces {
    /// Of this server's engine.
    pub fn new(store: Store, engine: Engine, keys: &Keys) -> Self {
        Self { store, engine, key: keys.traces }
    }

    /// What the engine knows a person by.
    pub fn user(&self, id: UserId) -> u128 {
        self.number(id.0)
    }

    /// What the engine knows a conversation by.
    pub fn conversation(&self, id: ConversationId) -> u128 {
        self.number(id.0)
    }

    /// Forgets a conversation on this server.
    pub async fn forget(&self, user: UserId, conversation: ConversationId) {
        let conversation = Some(self.conversation(conversation));
        self.engine.forget(Whose { user: self.user(user), conversation }).await;
    }

    /// Forgets what lies on this server's disk of conversations and accounts that are gone.
    ///
    /// # Errors
    /// Those of the database; nothing that is still there is ever forgotten.
    pub async fn sweep(&self) -> Result<(), StoreError> {
        // Looked at first: whatever lies there was made of something that the database had before.
        let kept = self.engine.kept().await;
        if kept.is_empty() {
            return Ok(());
        }
        let users = self.store.users().await?.into_iter();
        let users: BTreeMap<u128, UserId> = users.map(|user| (self.user(user.id), user.id)).collect();
        let owners: BTreeSet<u128> = kept.iter().map(|whose| whose.user).collect();
        for owner in owners {
            let Some(user) = users.get(&owner) else {
                self.engine.forget(Whose { user: owner, conversation: None }).await;
                continue;
            };
            let there = self.store.conversation_ids(*user).await?.into_iter();
            let there: BTreeSet<u128> = there.map(|id| self.conversation(id)).collect();
            let is_gone = |whose: &&Whose| {
                whose.user == owner && whose.conversation.is_some_and(|id| !there.contains(&id))
            };
            for whose in kept.iter().filter(is_gone) {
                self.engine.forget(*whose).await;
            }
        }
        Ok(())
    }

    fn number(&self, id: Uuid) -> u128 {
        let hash = hmac_sha256(&self.key, id.as_bytes());
        hash.first_chunk().copied().map_or(0, u128::from_le_bytes)
    }
}
