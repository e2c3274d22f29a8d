use std::time::Duration;

use store::{NewSession, Parent, Upkeep};

use crate::fixture::World;

/// Moves everything that one generation has to another day.
async fn move_to_day(world: &World, generation: shared::GenerationId, day: i64) {
    world
        .sql(&format!(
            "CREATE TABLE IF NOT EXISTS generation_chunks_{day} PARTITION OF generation_chunks FOR VALUES IN ({day});
             UPDATE generation_chunks SET bucket = {day} WHERE generation_id = '{generation}';
             UPDATE generations SET bucket = {day} WHERE id = '{generation}'"
        ))
        .await;
}

async fn today(world: &World) -> i64 {
    world.count("SELECT floor(extract(epoch FROM now()) / 86400)::int8").await
}

const PARTITIONS: &str = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'generation_chunks'::regclass";

#[tokio::test]
async fn past_days_are_dropped_once_their_generations_have_ended() {
    let world = World::new().await;
    let before = world.count(PARTITIONS).await;
    let old = today(&world).await - 5;
    let ended = world.exchange(None, Parent::ActiveLeaf, "one").await;
    let running = world.send().await;
    let claim = world.start(running).await;
    world.append(claim, &["Still "]).await;
    move_to_day(&world, ended.generation_id, old).await;
    move_to_day(&world, running.generation_id, old + 1).await;
    assert_eq!(world.store.upkeep().await.unwrap().partitions, 1);
    assert_eq!(world.count(PARTITIONS).await, before + 1);
    let message = world.store.message(world.ada, ended.message_id).await.unwrap();
    assert_eq!(message.content, "An answer.", "the message has the text for good");
    assert_eq!(world.finish(claim).await.content, "Still ");
    assert_eq!(world.store.upkeep().await.unwrap().partitions, 1);
    assert_eq!(world.count(PARTITIONS).await, before);
    assert_eq!(world.store.upkeep().await.unwrap(), Upkeep::default());
}

#[tokio::test]
async fn a_partition_that_was_left_half_made_or_half_removed_is_repaired() {
    let world = World::new().await;
    let today = today(&world).await;
    let before = world.count(PARTITIONS).await;
    world
        .sql(&format!(
            "ALTER TABLE generation_chunks DETACH PARTITION generation_chunks_{tomorrow};
             CREATE TABLE generation_chunks_{old} (LIKE generation_chunks)",
            tomorrow = today + 1,
            old = today - 9,
        ))
        .await;
    assert_eq!(world.store.upkeep().await.unwrap().partitions, 1);
    assert_eq!(world.count(PARTITIONS).await, before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn several_servers_may_keep_up_at_once_while_answers_are_written() {
    let world = World::new().await;
    let today = today(&world).await;
    for day in 3..6 {
        world
            .sql(&format!(
                "CREATE TABLE generation_chunks_{d} PARTITION OF generation_chunks FOR VALUES IN ({d})",
                d = today - day
            ))
            .await;
    }
    let keepers: Vec<_> = (0..3)
        .map(|_| {
            let store = world.store.clone();
            tokio::spawn(async move { store.upkeep().await.unwrap().partitions })
        })
        .collect();
    for _ in 0..10 {
        world.exchange(None, Parent::ActiveLeaf, "one").await;
    }
    let mut dropped = 0;
    for keeper in keepers {
        dropped += keeper.await.unwrap();
    }
    assert_eq!(dropped, 3);
}

#[tokio::test]
async fn deleted_conversations_are_removed_after_an_hour_unless_they_still_write() {
    let world = World::new().await;
    let ended = world.exchange(None, Parent::ActiveLeaf, "one").await;
    let running = world.send().await;
    let kept = world.exchange(None, Parent::ActiveLeaf, "kept").await;
    for ids in [ended, running] {
        world.store.delete_conversation(world.ada, ids.conversation_id).await.unwrap();
    }
    assert_eq!(world.store.upkeep().await.unwrap().conversations, 0);
    world.sql("UPDATE conversations SET deleted_at = deleted_at - interval '61 minutes'").await;
    assert_eq!(world.store.upkeep().await.unwrap().conversations, 1);
    assert_eq!(world.count("SELECT count(*) FROM conversations").await, 2);
    world.store.conversation(world.ada, kept.conversation_id).await.unwrap();
}

#[tokio::test]
async fn what_ended_long_ago_is_forgotten_and_what_goes_on_is_not() {
    let world = World::new().await;
    let session = |token| NewSession {
        user_id: world.ada,
        token_sha256: [token; 32],
        user_agent: None,
        lifetime: Duration::from_secs(3600),
    };
    let expired = world.store.create_session(&session(1)).await.unwrap();
    world.store.create_session(&session(2)).await.unwrap();
    world
        .sql(&format!(
            "UPDATE sessions SET expires_at = now() - interval '25 hours' WHERE id = '{}';
             INSERT INTO login_throttle VALUES ('address', 'old', 1, now(), now() - interval '3 days');
             INSERT INTO replicas VALUES (gen_random_uuid(), gen_random_uuid(), now() - interval '8 days')",
            expired.id
        ))
        .await;
    assert_eq!(world.store.upkeep().await.unwrap().sessions, 1);
    assert_eq!(world.count("SELECT count(*) FROM sessions").await, 1);
    assert_eq!(world.count("SELECT count(*) FROM login_throttle").await, 0);
    assert_eq!(world.count("SELECT count(*) FROM replicas").await, 1);
}
