//! What belongs to somebody else does not exist. Every method of the store that takes a `UserId` and the id
//! of a thing has a line here, and a test reads the sources to see that none is missing.

use std::collections::BTreeSet;
use std::future::Future;
use std::path::Path;
use std::time::Duration;

use shared::ClientId;
use shared::page::PageQuery;
use store::{ConversationChanges, NewApiKey, NewContinuation, NewSend, NewSession, Parent, StoreError};

use crate::fixture::World;

/// Methods that take a `UserId` and no thing of theirs.
const OF_THE_PERSON: [&str; 10] = [
    "api_keys",
    "conversation_ids",
    "conversations",
    "create_conversation",
    "create_first_user",
    "create_user",
    "rename_user",
    "sessions",
    "set_password",
    "user",
];

/// Calls every method as Bob on a thing of Ada's, and tells the names of the methods.
async fn as_bob(world: &World) -> BTreeSet<&'static str> {
    let (store, bob) = (&world.store, world.bob);
    let ids = world.exchange(None, Parent::ActiveLeaf, "secret").await;
    let running = world.send().await;
    let new = NewSession {
        user_id: world.ada,
        token_sha256: [1; 32],
        user_agent: None,
        lifetime: Duration::from_secs(60),
    };
    let session = store.create_session(&new).await.unwrap().id;
    let conversation = ids.conversation_id;
    let send = NewSend { conversation_id: Some(conversation), ..world.new_send() };
    let regeneration = world.new_regeneration(ids.message_id);
    let continuation = NewContinuation {
        client_id: ClientId::new(),
        body_sha256: [2; 32],
        message_id: ids.message_id,
        params: serde_json::Value::Null,
        owner: world.replica,
    };
    let key = NewApiKey {
        user_id: world.ada,
        name: "program".to_owned(),
        prefix: "oriel".to_owned(),
        key_sha256: [3; 32],
        lifetime: None,
    };
    let key = store.create_api_key(&key, 1).await.unwrap().expect("the first key").id;
    let changes = ConversationChanges { title: Some("Bob's".to_owned()), ..Default::default() };
    let query = PageQuery::default();

    let mut called = BTreeSet::new();
    let mut refused = |name, refused: bool| {
        assert!(refused, "{name} lets Bob at a thing of Ada's");
        called.insert(name);
    };
    refused("conversation", missing(store.conversation(bob, conversation)).await);
    refused("update_conversation", missing(store.update_conversation(bob, conversation, &changes)).await);
    refused("delete_conversation", missing(store.delete_conversation(bob, conversation)).await);
    refused("messages", missing(store.messages(bob, conversation, &query)).await);
    refused("message", missing(store.message(bob, ids.message_id)).await);
    refused("branch", missing(store.branch(bob, ids.message_id)).await);
    refused("begin_send", missing(store.begin_send(bob, &send)).await);
    refused("begin_regenerate", missing(store.begin_regenerate(bob, &regeneration)).await);
    refused("begin_continuation", missing(store.begin_continuation(bob, &continuation)).await);
    refused("generation", missing(store.generation(bob, ids.generation_id)).await);
    refused("unfinished_generations", missing(store.unfinished_generations(bob, conversation)).await);
    refused("request_stop", missing(store.request_stop(bob, running.generation_id)).await);
    refused("journal_after", missing(store.journal_after(bob, ids.generation_id, 0, 10)).await);
    refused("snapshot", missing(store.snapshot(bob, ids.generation_id)).await);
    refused("revoke_session", missing(store.revoke_session(bob, session)).await);
    refused("revoke_api_key", missing(store.revoke_api_key(bob, key)).await);
    refused("session_is_active", !store.session_is_active(bob, session).await.unwrap());
    refused("set_title_if_empty", !store.set_title_if_empty(bob, conversation, "Bob's").await.unwrap());
    store.delete_conversation(world.ada, conversation).await.unwrap();
    refused("restore_conversation", missing(store.restore_conversation(bob, conversation)).await);
    called
}

async fn missing<T>(call: impl Future<Output = Result<T, StoreError>>) -> bool {
    matches!(call.await, Err(StoreError::NotFound))
}

#[tokio::test]
async fn what_belongs_to_somebody_else_is_not_found_and_stays_as_it_is() {
    let world = World::new().await;
    as_bob(&world).await;
    assert_eq!(world.count("SELECT count(*) FROM generations WHERE status = 'stopping'").await, 0);
    assert_eq!(world.count("SELECT count(*) FROM conversations WHERE title <> ''").await, 0);
    assert_eq!(world.count("SELECT count(*) FROM sessions WHERE revoked_at IS NOT NULL").await, 0);
    let list = world.store.conversations(world.bob, &PageQuery::default()).await.unwrap();
    assert!(list.items.is_empty());
    assert!(world.store.conversation_ids(world.bob).await.unwrap().is_empty());
    assert!(world.store.sessions(world.bob).await.unwrap().is_empty());
    assert!(world.store.api_keys(world.bob).await.unwrap().is_empty());
    assert_eq!(world.store.api_keys(world.ada).await.unwrap().len(), 1);
}

#[tokio::test]
async fn every_method_that_takes_a_person_is_among_those() {
    let world = World::new().await;
    let called = as_bob(&world).await;
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut missing = Vec::new();
    for entry in std::fs::read_dir(sources).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        for after in text.split("pub async fn ").skip(1) {
            let signature = after.split('{').next().unwrap();
            let name = signature.split('(').next().unwrap();
            if signature.contains("UserId") && !called.contains(name) && !OF_THE_PERSON.contains(&name) {
                missing.push(name.to_owned());
            }
        }
    }
    assert!(missing.is_empty(), "no line for: {missing:?}");
}
