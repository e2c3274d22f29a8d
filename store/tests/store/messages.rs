use shared::page::PageQuery;
use shared::{Author, ConversationId, Message, MessageStatus};
use store::{Parent, StoreError};

use crate::fixture::{World, began};

fn contents(messages: &[Message]) -> Vec<&str> {
    messages.iter().map(|message| message.content.as_str()).collect()
}

#[tokio::test]
async fn messages_come_newest_first_with_all_branches_page_by_page() {
    let world = World::new().await;
    let first = world.exchange(None, Parent::ActiveLeaf, "one").await;
    let id = first.conversation_id;
    world.exchange(Some(id), Parent::ActiveLeaf, "two").await;
    world.exchange(Some(id), Parent::Message(first.message_id), "two, edited").await;
    let query = |cursor| PageQuery { cursor, limit: Some(4) };
    let page = world.store.messages(world.ada, id, &query(None)).await.unwrap();
    assert_eq!(contents(&page.items), ["An answer.", "two, edited", "An answer.", "two"]);
    let rest = world.store.messages(world.ada, id, &query(page.next_cursor)).await.unwrap();
    assert_eq!((contents(&rest.items), rest.next_cursor), (vec!["An answer.", "one"], None));
}

#[tokio::test]
async fn an_empty_conversation_has_an_empty_page_and_a_missing_one_none() {
    let world = World::new().await;
    let made =
        world.store.create_conversation(world.ada, ConversationId::new(), &Default::default()).await.unwrap();
    let page = world.store.messages(world.ada, made.id, &PageQuery::default()).await.unwrap();
    assert_eq!(page.items, []);
    let missing = ConversationId::new();
    let result = world.store.messages(world.ada, missing, &PageQuery::default()).await;
    assert!(matches!(result, Err(StoreError::NotFound)));
}

#[tokio::test]
async fn a_branch_is_the_way_from_the_first_message_to_its_leaf() {
    let world = World::new().await;
    let first = world.exchange(None, Parent::ActiveLeaf, "one").await;
    let id = Some(first.conversation_id);
    let second = world.exchange(id, Parent::ActiveLeaf, "two").await;
    let edited = world.exchange(id, Parent::Message(first.message_id), "two, edited").await;
    let fresh = world.exchange(id, Parent::Start, "another beginning").await;
    let branch = async |leaf| world.store.branch(world.ada, leaf).await.unwrap();
    assert_eq!(contents(&branch(second.message_id).await), ["one", "An answer.", "two", "An answer."]);
    assert_eq!(contents(&branch(edited.user_message_id).await), ["one", "An answer.", "two, edited"]);
    assert_eq!(contents(&branch(fresh.message_id).await), ["another beginning", "An answer."]);
}

#[tokio::test]
async fn a_very_long_conversation_is_read_removed_and_kept_in_order() {
    let world = World::new().await;
    let ids = world.exchange(None, Parent::ActiveLeaf, "first").await;
    // Five thousand messages, each the child of the one before.
    world
        .sql(&format!(
            "INSERT INTO messages (id, conversation_id, parent_id, role, content, status)
             SELECT lpad(to_hex(n), 32, '0')::uuid, '{c}', CASE WHEN n = 1 THEN '{leaf}'::uuid
                 ELSE lpad(to_hex(n - 1), 32, '0')::uuid END, 'user', n::text, 'complete'
             FROM generate_series(1, 5000) n",
            c = ids.conversation_id,
            leaf = ids.message_id,
        ))
        .await;
    let leaf = uuid::Uuid::from_u128(5000).into();
    let branch = world.store.branch(world.ada, leaf).await.unwrap();
    assert_eq!(branch.len(), 5002);
    assert_eq!(branch.last().unwrap().content, "5000");
    world.store.delete_conversation(world.ada, ids.conversation_id).await.unwrap();
    world.sql("UPDATE conversations SET deleted_at = now() - interval '2 hours'").await;
    assert_eq!(world.store.upkeep().await.unwrap().conversations, 1);
    assert_eq!(world.count("SELECT count(*) FROM messages").await, 0);
}

#[tokio::test]
async fn an_answer_brings_its_code_and_its_generation() {
    let world = World::new().await;
    let ids = world.send().await;
    world.answer(ids, &["```rust\n", "fn main() {}\n```\n"]).await;
    let message = world.store.message(world.ada, ids.message_id).await.unwrap();
    assert_eq!(message.code_blocks.len(), 1);
    assert_eq!(message.code_blocks[0].content, "fn main() {}\n");
    assert_eq!(message.generation_id, Some(ids.generation_id));
    assert_eq!((message.role, message.status), (Author::Assistant, MessageStatus::Complete));
    assert_eq!(message.parent_id, Some(ids.user_message_id));
    let question = world.store.message(world.ada, ids.user_message_id).await.unwrap();
    assert_eq!((question.role, question.status), (Author::User, MessageStatus::Complete));
}

#[tokio::test]
async fn a_message_with_a_nul_is_kept() {
    let world = World::new().await;
    let mut new = world.new_send();
    new.content = "a\0b".to_owned();
    let ids = began(world.store.begin_send(world.ada, &new).await.unwrap());
    let kept = world.store.message(world.ada, ids.user_message_id).await.unwrap();
    assert_eq!(kept.content, "a\u{1a}b");
}
