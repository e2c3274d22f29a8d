use shared::page::PageQuery;
use shared::{ConversationId, ConversationSummary};
use store::{ConversationChanges, NewConversation, Parent, StoreError};

use crate::fixture::World;

async fn titled(world: &World, title: &str) -> ConversationId {
    let new = NewConversation { title: title.to_owned(), model: None };
    world.store.create_conversation(world.ada, ConversationId::new(), &new).await.unwrap().id
}

fn page_of(limit: u32, cursor: Option<String>) -> PageQuery {
    PageQuery { cursor, limit: Some(limit) }
}

fn titles(items: &[ConversationSummary]) -> Vec<&str> {
    items.iter().map(|item| item.title.as_str()).collect()
}

#[tokio::test]
async fn a_conversation_is_made_found_and_changed() {
    let world = World::new().await;
    let id = titled(&world, "").await;
    let changes = ConversationChanges {
        title: Some("Tea".to_owned()),
        model: Some("gemma".to_owned()),
        active_leaf_id: None,
    };
    let changed = world.store.update_conversation(world.ada, id, &changes).await.unwrap();
    assert_eq!(world.store.conversation(world.ada, id).await.unwrap(), changed);
    assert_eq!((changed.title.as_str(), changed.model.as_deref()), ("Tea", Some("gemma")));
    assert_eq!(changed.active_leaf_id, None);
    let nothing = ConversationChanges::default();
    assert_eq!(world.store.update_conversation(world.ada, id, &nothing).await.unwrap(), changed);
}

#[tokio::test]
async fn the_model_names_only_what_nobody_has_named() {
    let world = World::new().await;
    let (empty, named) = (titled(&world, "").await, titled(&world, "Mine").await);
    assert!(world.store.set_title_if_empty(world.ada, empty, "Made").await.unwrap());
    assert!(!world.store.set_title_if_empty(world.ada, empty, "Again").await.unwrap());
    assert!(!world.store.set_title_if_empty(world.ada, named, "Made").await.unwrap());
    assert_eq!(world.store.conversation(world.ada, named).await.unwrap().title, "Mine");
}

#[tokio::test]
async fn a_message_brings_its_conversation_to_the_top_and_a_rename_does_not() {
    let world = World::new().await;
    let old = titled(&world, "old").await;
    titled(&world, "new").await;
    let changes = ConversationChanges { title: Some("renamed".to_owned()), ..Default::default() };
    world.store.update_conversation(world.ada, old, &changes).await.unwrap();
    let list = world.store.conversations(world.ada, &PageQuery::default()).await.unwrap();
    assert_eq!(titles(&list.items), ["new", "renamed"]);
    world.send_to(Some(old), Parent::ActiveLeaf, "Hello?").await;
    let list = world.store.conversations(world.ada, &PageQuery::default()).await.unwrap();
    assert_eq!(titles(&list.items), ["renamed", "new"]);
    assert_eq!(list.items.iter().map(|item| item.generating).collect::<Vec<_>>(), [true, false]);
}

#[tokio::test]
async fn pages_neither_skip_nor_repeat_what_was_there_from_the_start() {
    let world = World::new().await;
    for number in 0..7 {
        titled(&world, &number.to_string()).await;
    }
    let first = world.store.conversations(world.ada, &page_of(3, None)).await.unwrap();
    assert_eq!(titles(&first.items), ["6", "5", "4"]);
    titled(&world, "new").await;
    world.store.delete_conversation(world.ada, first.items[2].id).await.unwrap();
    let second = world.store.conversations(world.ada, &page_of(3, first.next_cursor)).await.unwrap();
    assert_eq!(titles(&second.items), ["3", "2", "1"]);
    let third = world.store.conversations(world.ada, &page_of(3, second.next_cursor)).await.unwrap();
    assert_eq!((titles(&third.items), third.next_cursor), (vec!["0"], None));
}

#[tokio::test]
async fn rows_of_the_same_moment_are_told_apart() {
    let world = World::new().await;
    for number in 0..6 {
        titled(&world, &number.to_string()).await;
    }
    world.sql("UPDATE conversations SET updated_at = '2026-01-01'").await;
    let mut seen = Vec::new();
    let mut cursor = None;
    loop {
        let page = world.store.conversations(world.ada, &page_of(2, cursor)).await.unwrap();
        seen.extend(page.items.into_iter().map(|item| item.title));
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(seen, ["5", "4", "3", "2", "1", "0"]);
}

#[tokio::test]
async fn a_page_that_is_exactly_full_is_the_last_one() {
    let world = World::new().await;
    titled(&world, "a").await;
    titled(&world, "b").await;
    let page = world.store.conversations(world.ada, &page_of(2, None)).await.unwrap();
    assert_eq!((page.items.len(), page.next_cursor), (2, None));
}

#[tokio::test]
async fn a_foreign_cursor_is_refused() {
    let world = World::new().await;
    let query = page_of(2, Some("nonsense".to_owned()));
    let result = world.store.conversations(world.ada, &query).await;
    assert!(matches!(result, Err(StoreError::InvalidCursor)));
}

#[tokio::test]
async fn a_deleted_conversation_is_gone_until_it_is_restored() {
    let world = World::new().await;
    let ids = world.send().await;
    let id = ids.conversation_id;
    let stopping = world.store.delete_conversation(world.ada, id).await.unwrap();
    assert_eq!(stopping, [ids.generation_id]);
    assert!(matches!(world.store.conversation(world.ada, id).await, Err(StoreError::NotFound)));
    let messages = world.store.messages(world.ada, id, &PageQuery::default()).await;
    assert!(matches!(messages, Err(StoreError::NotFound)));
    assert!(matches!(world.store.delete_conversation(world.ada, id).await, Err(StoreError::NotFound)));
    let restored = world.store.restore_conversation(world.ada, id).await.unwrap();
    assert_eq!(restored.active_leaf_id, Some(ids.message_id));
    assert_eq!(world.store.restore_conversation(world.ada, id).await.unwrap(), restored);
}

#[tokio::test]
async fn after_an_hour_a_delete_cannot_be_undone() {
    let world = World::new().await;
    let id = titled(&world, "old").await;
    world.store.delete_conversation(world.ada, id).await.unwrap();
    world.sql("UPDATE conversations SET deleted_at = now() - interval '61 minutes'").await;
    assert!(matches!(world.store.restore_conversation(world.ada, id).await, Err(StoreError::NotFound)));
}

#[tokio::test]
async fn another_branch_is_shown_only_if_it_is_of_this_conversation() {
    let world = World::new().await;
    let (one, other) = (world.send().await, world.send().await);
    let show = |leaf| ConversationChanges { active_leaf_id: Some(leaf), ..Default::default() };
    let shown = world
        .store
        .update_conversation(world.ada, one.conversation_id, &show(one.user_message_id))
        .await
        .unwrap();
    assert_eq!(shown.active_leaf_id, Some(one.user_message_id));
    let foreign =
        world.store.update_conversation(world.ada, one.conversation_id, &show(other.message_id)).await;
    assert!(matches!(foreign, Err(StoreError::NotFound)));
}
