use shared::page::PageQuery;
use shared::{ConversationId, MessageId};
use store::{GenerationStatus, NewSend, Parent, SendOutcome, StoreError};

use crate::fixture::{World, began};

#[tokio::test]
async fn a_send_makes_conversation_messages_and_generation_at_once() {
    let world = World::new().await;
    let ids = world.send().await;
    let conversation = world.store.conversation(world.ada, ids.conversation_id).await.unwrap();
    assert_eq!(conversation.active_leaf_id, Some(ids.message_id));
    assert_eq!(conversation.model.as_deref(), Some("smollm2-135m-instruct"));
    assert!(conversation.generating);
    let generation = world.store.generation(world.ada, ids.generation_id).await.unwrap();
    assert_eq!((generation.status, generation.owner), (GenerationStatus::Queued, world.replica));
    assert_eq!((generation.epoch, generation.engine_deaths), (1, 0));
    assert_eq!(generation.request, serde_json::json!({ "temperature": 0.5 }));
}

#[tokio::test]
async fn repeating_a_send_gives_the_same_ids_and_makes_nothing() {
    let world = World::new().await;
    let new = world.new_send();
    let ids = began(world.store.begin_send(world.ada, &new).await.unwrap());
    for _ in 0..3 {
        let again = world.store.begin_send(world.ada, &new).await.unwrap();
        assert_eq!(again, SendOutcome::Repeated(ids));
    }
    assert_eq!(world.count("SELECT count(*) FROM messages").await, 2);
    assert_eq!(world.count("SELECT count(*) FROM conversations").await, 1);
}

#[tokio::test]
async fn the_same_client_id_with_another_body_is_a_conflict() {
    let world = World::new().await;
    let new = world.new_send();
    world.store.begin_send(world.ada, &new).await.unwrap();
    let other = NewSend { body_sha256: [9; 32], ..new.clone() };
    assert_eq!(world.store.begin_send(world.ada, &other).await.unwrap(), SendOutcome::Conflict);
    assert_eq!(world.count("SELECT count(*) FROM conversations").await, 1);
    let bobs = world.store.begin_send(world.bob, &other).await.unwrap();
    assert!(matches!(bobs, SendOutcome::Began(_)), "client ids are each person's own");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_race_of_identical_sends_keeps_one_message() {
    let world = World::new().await;
    for _ in 0..10 {
        let new = world.new_send();
        let before = world.count("SELECT count(*) FROM messages").await;
        let tries: Vec<_> = (0..8)
            .map(|_| {
                let (store, user, new) = (world.store.clone(), world.ada, new.clone());
                tokio::spawn(async move { store.begin_send(user, &new).await.unwrap() })
            })
            .collect();
        let mut first = Vec::new();
        let mut repeated = Vec::new();
        for attempt in tries {
            match attempt.await.unwrap() {
                SendOutcome::Began(ids) => first.push(ids),
                SendOutcome::Repeated(ids) => repeated.push(ids),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!((first.len(), repeated.len()), (1, 7));
        assert!(repeated.iter().all(|ids| *ids == first[0]));
        assert_eq!(world.count("SELECT count(*) FROM messages").await, before + 2);
    }
}

#[tokio::test]
async fn a_message_follows_what_it_was_told_to_follow() {
    let world = World::new().await;
    let first = world.exchange(None, Parent::ActiveLeaf, "one").await;
    let id = Some(first.conversation_id);
    let parent = async |ids: shared::SendAccepted| {
        world.store.message(world.ada, ids.user_message_id).await.unwrap().parent_id
    };
    let next = world.exchange(id, Parent::ActiveLeaf, "two").await;
    assert_eq!(parent(next).await, Some(first.message_id));
    let edited = world.exchange(id, Parent::Message(first.message_id), "two, edited").await;
    assert_eq!(parent(edited).await, Some(first.message_id));
    let fresh = world.exchange(id, Parent::Start, "three").await;
    assert_eq!(parent(fresh).await, None);
}

#[tokio::test]
async fn nothing_follows_an_answer_that_is_being_written() {
    let world = World::new().await;
    let ids = world.send().await;
    let new = NewSend { conversation_id: Some(ids.conversation_id), ..world.new_send() };
    let early = world.store.begin_send(world.ada, &new).await.unwrap();
    assert_eq!(early, SendOutcome::ParentRunning(ids.message_id));
    world.answer(ids, &["Yes?"]).await;
    let later = world.store.begin_send(world.ada, &new).await.unwrap();
    assert!(matches!(later, SendOutcome::Began(_)), "a refused send leaves its client id free");
}

#[tokio::test]
async fn a_send_to_nowhere_keeps_nothing() {
    let world = World::new().await;
    let (one, other) = (world.send().await, world.exchange(None, Parent::ActiveLeaf, "x").await);
    let missing = NewSend { conversation_id: Some(ConversationId::new()), ..world.new_send() };
    let no_parent = NewSend {
        conversation_id: Some(one.conversation_id),
        parent: Parent::Message(MessageId::new()),
        ..world.new_send()
    };
    let foreign_parent = NewSend { parent: Parent::Message(other.message_id), ..no_parent.clone() };
    let parent_of_nothing = NewSend { conversation_id: None, ..foreign_parent.clone() };
    for new in [missing, no_parent, foreign_parent, parent_of_nothing] {
        let result = world.store.begin_send(world.ada, &new).await;
        assert!(matches!(result, Err(StoreError::NotFound)), "{result:?}");
    }
    assert_eq!(world.count("SELECT count(*) FROM sends").await, 2);
    assert_eq!(world.count("SELECT count(*) FROM messages").await, 4);
}

#[tokio::test]
async fn a_regeneration_is_a_sibling_and_repeatable() {
    let world = World::new().await;
    let ids = world.exchange(None, Parent::ActiveLeaf, "one").await;
    let new = world.new_regeneration(ids.message_id);
    let again = began(world.store.begin_regenerate(world.ada, &new).await.unwrap());
    assert_eq!(again.user_message_id, ids.user_message_id);
    let repeated = world.store.begin_regenerate(world.ada, &new).await.unwrap();
    assert_eq!(repeated, SendOutcome::Repeated(again));
    let sibling = world.store.message(world.ada, again.message_id).await.unwrap();
    assert_eq!(sibling.parent_id, Some(ids.user_message_id));
    assert_eq!(sibling.model.as_deref(), Some("smollm2-135m-instruct"));
    let conversation = world.store.conversation(world.ada, ids.conversation_id).await.unwrap();
    assert_eq!(conversation.active_leaf_id, Some(again.message_id));
    let from_question = world.new_regeneration(ids.user_message_id);
    let third = began(world.store.begin_regenerate(world.ada, &from_question).await.unwrap());
    assert_eq!(third.user_message_id, ids.user_message_id);
    let page = world.store.messages(world.ada, ids.conversation_id, &PageQuery::default()).await.unwrap();
    assert_eq!(page.items.len(), 4);
}

#[tokio::test]
async fn a_repeat_after_the_conversation_was_removed_does_not_bring_it_back() {
    let world = World::new().await;
    let new = world.new_send();
    let ids = began(world.store.begin_send(world.ada, &new).await.unwrap());
    world.answer(ids, &["Yes?"]).await;
    world.store.delete_conversation(world.ada, ids.conversation_id).await.unwrap();
    world.sql("UPDATE conversations SET deleted_at = now() - interval '2 hours'").await;
    assert_eq!(world.store.upkeep().await.unwrap().conversations, 1);
    let again = world.store.begin_send(world.ada, &new).await.unwrap();
    assert_eq!(again, SendOutcome::Repeated(ids));
    assert_eq!(world.count("SELECT count(*) FROM conversations").await, 0);
}
