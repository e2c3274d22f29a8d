use std::time::Duration;

use store::{GenerationStatus, Parent, Watch};

use crate::fixture::World;

#[tokio::test]
async fn one_query_tells_what_is_new_in_every_answer() {
    let world = World::new().await;
    let running = world.start(world.send().await).await;
    let silent = world.start(world.send().await).await;
    let ended = world.start(world.send().await).await;
    world.append(running, &["a", "b", "c", "d"]).await;
    world.append(silent, &["a"]).await;
    world.append(ended, &["a", "b"]).await;
    world.finish(ended).await;
    let watch = |claim: store::Claim, after_seq| Watch {
        user_id: world.ada,
        generation_id: claim.generation_id,
        after_seq,
    };
    let news = world.store.news_of(&[watch(ended, 0), watch(silent, 1), watch(running, 1)], 2).await.unwrap();
    let found: Vec<_> = news
        .iter()
        .map(|news| {
            let chunks: Vec<_> = news.chunks.iter().map(|chunk| (chunk.seq, chunk.body.as_str())).collect();
            (news.generation_id, news.status, news.last_seq, chunks)
        })
        .collect();
    let expected = [
        (running.generation_id, GenerationStatus::Running, 0, vec![(2, "b"), (3, "c")]),
        (silent.generation_id, GenerationStatus::Running, 0, vec![]),
        (ended.generation_id, GenerationStatus::Done, 2, vec![(1, "a"), (2, "b")]),
    ];
    assert_eq!(found, expected);
}

#[tokio::test]
async fn nobody_watches_the_answers_of_somebody_else() {
    let world = World::new().await;
    let claim = world.start(world.send().await).await;
    world.append(claim, &["a"]).await;
    let watch = Watch { user_id: world.bob, generation_id: claim.generation_id, after_seq: 0 };
    assert!(world.store.news_of(&[watch], 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn looking_for_news_reads_keys_and_not_tables() {
    let world = World::new().await;
    let client = world.database.client().await;
    let plan = client
        .query(
            "EXPLAIN SELECT c.seq FROM unnest(ARRAY (SELECT gen_random_uuid() FROM generate_series(1, 50))) AS w (id) JOIN generations g ON g.id = w.id
             LEFT JOIN LATERAL (SELECT seq FROM generation_chunks
                 WHERE bucket = g.bucket AND generation_id = g.id AND seq > 5 ORDER BY seq LIMIT 9) c ON true",
            &[],
        )
        .await
        .unwrap();
    let plan: Vec<String> = plan.iter().map(|row| row.get(0)).collect();
    assert!(!plan.iter().any(|line| line.contains("Seq Scan on generation_chunks")), "{plan:#?}");
}

#[tokio::test]
async fn answers_of_late_are_those_that_run_or_have_just_ended() {
    let world = World::new().await;
    let running = world.send().await;
    world.start(running).await;
    let ended = world.exchange(None, Parent::ActiveLeaf, "Hello?").await;
    let old = world.exchange(None, Parent::ActiveLeaf, "Hello?").await;
    world
        .sql(&format!(
            "UPDATE generations SET ended_at = now() - interval '1 hour' WHERE id = '{}'",
            old.generation_id
        ))
        .await;
    let conversations = [running.conversation_id, ended.conversation_id, old.conversation_id];
    let recent = world.store.recent_generations(&conversations, Duration::from_secs(60)).await.unwrap();
    let recent: Vec<_> =
        recent.iter().map(|recent| (recent.place.generation_id, recent.is_unfinished)).collect();
    assert_eq!(recent, [(running.generation_id, true), (ended.generation_id, false)]);
}
