use shared::ChunkKind;
use store::{Claim, NewChunk, ReplicaId, StoreError};

use crate::fixture::{World, chunk, chunks};

#[tokio::test]
async fn what_is_appended_is_read_back_in_order_with_its_tokens() {
    let world = World::new().await;
    let claim = world.start(world.send().await).await;
    let mut written = chunks(claim, &["Grüß ", "Gott", "!"]);
    written[0].tokens = vec![5, 6, 7];
    written[1].tokens = Vec::new();
    written.push(NewChunk {
        kind: ChunkKind::Reasoning,
        tokens: vec![-1, i32::MAX],
        ..chunk(claim.generation_id, claim.epoch, 4, 0, "hm")
    });
    world.store.append_chunks(world.replica, &written).await.unwrap();
    let read = world.store.journal_after(world.ada, claim.generation_id, 0, 100).await.unwrap();
    assert_eq!(read.chunks.len(), 4);
    for (read, written) in read.chunks.iter().zip(&written) {
        assert_eq!((read.seq, read.epoch, read.byte_offset), (written.seq, 1, written.byte_offset));
        assert_eq!((read.kind, &read.body, &read.tokens), (written.kind, &written.body, &written.tokens));
    }
    let later = world.store.journal_after(world.ada, claim.generation_id, 1, 2).await.unwrap();
    assert_eq!(later.chunks.iter().map(|chunk| chunk.seq).collect::<Vec<_>>(), [2, 3]);
    let snapshot = world.store.snapshot(world.ada, claim.generation_id).await.unwrap();
    assert_eq!(
        (snapshot.assembled.text.as_str(), snapshot.assembled.reasoning.as_str()),
        ("Grüß Gott!", "hm")
    );
    assert_eq!((snapshot.assembled.seq, snapshot.assembled.epoch), (4, 1));
    assert_eq!(snapshot.assembled.tokens, [5, 6, 7, 3, -1, i32::MAX]);
}

#[tokio::test]
async fn one_fenced_out_generation_does_not_fail_the_batch() {
    let world = World::new().await;
    let mine = world.start(world.send().await).await;
    let taken = world.start(world.send().await).await;
    let ended = world.start(world.send().await).await;
    world.finish(ended).await;
    world.sql(&format!("UPDATE generations SET epoch = 2 WHERE id = '{}'", taken.generation_id)).await;
    let mut batch = chunks(mine, &["kept ", "text"]);
    batch.extend(chunks(taken, &["zombie"]));
    batch.extend(chunks(ended, &["late"]));
    let mut lost = world.store.append_chunks(world.replica, &batch).await.unwrap();
    lost.sort();
    assert_eq!(lost, [taken.generation_id, ended.generation_id]);
    let snapshot = world.store.snapshot(world.ada, mine.generation_id).await.unwrap();
    assert_eq!(snapshot.assembled.text, "kept text");
    for claim in [taken, ended] {
        let snapshot = world.store.snapshot(world.ada, claim.generation_id).await.unwrap();
        assert_eq!(snapshot.assembled.text, "");
    }
    let foreign = world.store.append_chunks(ReplicaId::new(), &chunks(mine, &["x"])).await.unwrap();
    assert_eq!(foreign, [mine.generation_id]);
}

#[tokio::test]
async fn repeating_an_append_whose_answer_was_lost_is_harmless() {
    let world = World::new().await;
    let claim = world.start(world.send().await).await;
    let batch = chunks(claim, &["one ", "two ", "three"]);
    world.store.append_chunks(world.replica, &batch[..2]).await.unwrap();
    assert_eq!(world.store.append_chunks(world.replica, &batch).await.unwrap(), []);
    assert_eq!(world.finish(claim).await.content, "one two three");
}

#[tokio::test]
async fn another_text_in_the_place_of_a_chunk_is_a_conflict() {
    let world = World::new().await;
    let claim = world.start(world.send().await).await;
    world.append(claim, &["one"]).await;
    let result = world.store.append_chunks(world.replica, &chunks(claim, &["two"])).await;
    assert!(matches!(result, Err(StoreError::Conflict)), "{result:?}");
    assert_eq!(world.finish(claim).await.content, "one");
}

#[tokio::test]
async fn a_nul_from_a_model_does_not_fail_the_others() {
    let world = World::new().await;
    let strange = world.start(world.send().await).await;
    let plain = world.start(world.send().await).await;
    let mut batch = chunks(strange, &["a\0", "b"]);
    batch.extend(chunks(plain, &["plain"]));
    assert_eq!(world.store.append_chunks(world.replica, &batch).await.unwrap(), []);
    assert_eq!(world.store.append_chunks(world.replica, &batch).await.unwrap(), []);
    assert_eq!(world.finish(strange).await.content, "a\u{1a}b");
}

#[tokio::test]
async fn an_empty_batch_is_nothing() {
    let world = World::new().await;
    assert_eq!(world.store.append_chunks(world.replica, &[]).await.unwrap(), []);
}

#[tokio::test]
async fn nobody_takes_a_generation_over_while_a_batch_of_it_is_being_written() {
    let world = World::new().await;
    let claim = world.start(world.send().await).await;
    // Every insert waits for a lock that this test holds: the batch stands between its fence and its end.
    world
        .sql(
            "CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                 PERFORM pg_advisory_xact_lock(42); RETURN NEW;
             END $$;
             CREATE TRIGGER wait BEFORE INSERT ON generation_chunks FOR EACH ROW EXECUTE FUNCTION wait()",
        )
        .await;
    let holder = world.database.client().await;
    holder.batch_execute("SELECT pg_advisory_lock(42)").await.unwrap();
    let append = tokio::spawn({
        let (store, batch) = (world.store.clone(), chunks(claim, &["kept"]));
        async move { store.append_chunks(claim.owner, &batch).await.unwrap() }
    });
    let waits = "SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event = 'advisory'";
    while world.count(waits).await == 0 {}
    let successor = ReplicaId::new();
    world.store.register_replica(successor, uuid::Uuid::now_v7()).await.unwrap();
    world.sql("UPDATE replicas SET lease_until = now() - interval '1 second'").await;
    assert!(world.store.claim_expired_generations(successor, i64::MAX).await.unwrap().is_empty());
    holder.batch_execute("SELECT pg_advisory_unlock(42)").await.unwrap();
    assert_eq!(append.await.unwrap(), []);
    assert_eq!(world.store.claim_expired_generations(successor, i64::MAX).await.unwrap().len(), 1);
    let seen = world.store.snapshot(world.ada, claim.generation_id).await.unwrap();
    assert_eq!(seen.assembled.text, "kept");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn after_a_takeover_every_batch_of_the_former_owner_is_fenced_out() {
    let world = World::new().await;
    let claim = world.start(world.send().await).await;
    let writer = tokio::spawn({
        let store = world.store.clone();
        async move {
            let mut written = 0;
            for seq in 1.. {
                let chunk = chunk(claim.generation_id, claim.epoch, seq, (seq - 1) * 2, "ab");
                let lost = store.append_chunks(claim.owner, &[chunk]).await.unwrap();
                if !lost.is_empty() {
                    break;
                }
                written = seq;
            }
            written
        }
    });
    // The lease of the writer is over, and another server takes its generation.
    let successor = ReplicaId::new();
    world.store.register_replica(successor, uuid::Uuid::now_v7()).await.unwrap();
    world.sql("UPDATE replicas SET lease_until = now() - interval '1 second'").await;
    let taken = loop {
        // A row that the writer holds at the moment is skipped.
        let taken = world.store.claim_expired_generations(successor, i64::MAX).await.unwrap();
        if let Some(row) = taken.into_iter().next() {
            break row;
        }
    };
    let seen = world.store.snapshot(world.ada, claim.generation_id).await.unwrap().assembled;
    let written = writer.await.unwrap();
    assert_eq!(seen.seq, written, "what the successor saw is all there will be from the old owner");
    let next = NewChunk { epoch: taken.epoch, ..chunk(taken.id, 2, written + 1, written * 2, "!") };
    assert_eq!(world.store.append_chunks(successor, &[next]).await.unwrap(), []);
    let late = Claim { epoch: 1, ..claim };
    assert_eq!(world.store.append_chunks(late.owner, &chunks(late, &["x"])).await.unwrap(), [taken.id]);
    let whole = world.finish(taken.claim()).await;
    assert_eq!(whole.content, format!("{}!", "ab".repeat(written as usize)));
}
