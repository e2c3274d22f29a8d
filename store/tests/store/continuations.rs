use serde_json::json;
use shared::{ClientId, MessageId, MessageStatus, SendAccepted};
use store::{Claim, GenerationStatus, NewContinuation, SendOutcome, StoreError};

use crate::fixture::{World, began};

fn new(world: &World, message_id: MessageId) -> NewContinuation {
    NewContinuation {
        client_id: ClientId::new(),
        body_sha256: [3; 32],
        message_id,
        params: json!({ "prompt": [7, 8], "more": true }),
        owner: world.replica,
    }
}

async fn ended(world: &World, texts: &[&str]) -> SendAccepted {
    let ids = world.send().await;
    world.answer(ids, texts).await;
    ids
}

#[tokio::test]
async fn a_continuation_is_a_sibling_that_has_the_old_text_from_the_beginning() {
    let world = World::new().await;
    let old = ended(&world, &["Half ", "an ans"]).await;
    let omitted = format!(
        "UPDATE messages SET omitted_message_ids = '{{{}}}' WHERE id = '{}'",
        old.user_message_id, old.message_id
    );
    world.sql(&omitted).await;
    let new = new(&world, old.message_id);
    let ids = began(world.store.begin_continuation(world.ada, &new).await.unwrap());
    assert_eq!(ids.user_message_id, old.user_message_id);

    let message = world.store.message(world.ada, ids.message_id).await.unwrap();
    assert_eq!((message.parent_id, message.continues), (Some(old.user_message_id), Some(old.message_id)));
    assert_eq!(
        (message.status, message.model.as_deref()),
        (MessageStatus::Pending, Some("smollm2-135m-instruct"))
    );
    assert_eq!(message.omitted_message_ids, [old.user_message_id]);
    let conversation = world.store.conversation(world.ada, ids.conversation_id).await.unwrap();
    assert_eq!(conversation.active_leaf_id, Some(ids.message_id));

    let snapshot = world.store.snapshot(world.ada, ids.generation_id).await.unwrap();
    assert_eq!(snapshot.generation.status, GenerationStatus::Queued);
    assert_eq!((snapshot.generation.params, snapshot.generation.epoch), (Some(new.params), 1));
    assert_eq!((snapshot.assembled.text.as_str(), snapshot.assembled.seq), ("Half an ans", 1));
    assert_eq!(snapshot.assembled.tokens, [1, 2]);
    let kept = world.store.message(world.ada, old.message_id).await.unwrap();
    assert_eq!(kept.content, "Half an ans", "the old answer stays as it is");
    assert_eq!(world.finish(Claim::first(ids.generation_id, world.replica)).await.content, "Half an ans");
}

#[tokio::test]
async fn repeating_a_continuation_gives_the_same_ids_and_another_one_is_told_of_the_first() {
    let world = World::new().await;
    let old = ended(&world, &["Half"]).await;
    let first = new(&world, old.message_id);
    let ids = began(world.store.begin_continuation(world.ada, &first).await.unwrap());
    let repeated = world.store.begin_continuation(world.ada, &first).await.unwrap();
    assert_eq!(repeated, SendOutcome::Repeated(ids));
    let other = world.store.begin_continuation(world.ada, &new(&world, old.message_id)).await.unwrap();
    assert_eq!(other, SendOutcome::ContinuedBefore(ids.message_id));
    let changed = NewContinuation { body_sha256: [4; 32], ..first };
    let conflict = world.store.begin_continuation(world.ada, &changed).await.unwrap();
    assert_eq!(conflict, SendOutcome::Conflict);
}

#[tokio::test]
async fn an_answer_without_text_or_of_somebody_else_is_not_gone_on_with() {
    let world = World::new().await;
    let empty = ended(&world, &[]).await;
    let outcome = world.store.begin_continuation(world.ada, &new(&world, empty.message_id)).await.unwrap();
    assert_eq!(outcome, SendOutcome::NothingToContinue);
    let half = ended(&world, &["Half"]).await;
    let foreign = world.store.begin_continuation(world.bob, &new(&world, half.message_id)).await;
    assert!(matches!(foreign, Err(StoreError::NotFound)));
    let question = world.store.begin_continuation(world.ada, &new(&world, half.user_message_id)).await;
    assert!(matches!(question, Err(StoreError::NotFound)));
    world.sql("DELETE FROM generation_chunks").await;
    let gone = world.store.begin_continuation(world.ada, &new(&world, half.message_id)).await.unwrap();
    assert_eq!(gone, SendOutcome::NothingToContinue);
    assert_eq!(world.count("SELECT count(*) FROM sends").await, 2, "a refusal leaves its client id free");
}
