use store::{Claim, GenerationStatus, Heartbeat, Orphans, ReplicaId, StoreError};
use uuid::Uuid;

use crate::fixture::{World, chunks};

#[tokio::test]
async fn a_restarted_server_takes_over_what_it_left_and_fences_out_the_process_before() {
    let world = World::new().await;
    let (running, queued) = (world.send().await, world.send().await);
    let stopping = world.send().await;
    let old = world.start(running).await;
    world.append(old, &["Half an ans"]).await;
    world.store.request_stop(world.ada, stopping.generation_id).await.unwrap();

    world.store.register_replica(world.replica, Uuid::now_v7()).await.unwrap();
    let claimed = world.store.claim_own_generations(world.replica).await.unwrap();
    let status = |ids: shared::SendAccepted| {
        claimed.iter().find(|row| row.id == ids.generation_id).map(|row| (row.status, row.epoch))
    };
    assert_eq!(status(running), Some((GenerationStatus::Running, 2)));
    assert_eq!(status(queued), Some((GenerationStatus::Queued, 2)));
    assert_eq!(status(stopping), Some((GenerationStatus::Stopping, 2)));
    let zombie = world.store.append_chunks(old.owner, &chunks(old, &["late"])).await.unwrap();
    assert_eq!(zombie, [running.generation_id]);
    let snapshot = world.store.snapshot(world.ada, running.generation_id).await.unwrap();
    assert_eq!(snapshot.assembled.text, "Half an ans");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restarted_server_waits_for_the_last_write_of_the_process_before() {
    let world = World::new().await;
    world.send().await;
    let mut writer = world.database.client().await;
    let last_write = writer.transaction().await.unwrap();
    last_write.execute("SELECT FROM generations FOR SHARE", &[]).await.unwrap();
    let (store, me) = (world.store.clone(), world.replica);
    let claiming = tokio::spawn(async move { store.claim_own_generations(me).await });
    let watcher = world.database.client().await;
    let waits = "SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'";
    while watcher.query_one(waits, &[]).await.unwrap().get::<_, i64>(0) == 0 {}
    last_write.commit().await.unwrap();
    assert_eq!(claiming.await.unwrap().unwrap().len(), 1);
}

#[tokio::test]
async fn only_generations_whose_lease_is_over_are_taken() {
    let world = World::new().await;
    let ids = world.send().await;
    let other = ReplicaId::new();
    world.store.register_replica(other, Uuid::now_v7()).await.unwrap();
    assert!(world.store.claim_expired_generations(other, i64::MAX).await.unwrap().is_empty());
    world.sql(&format!("UPDATE replicas SET lease_until = now() WHERE id = '{}'", world.replica)).await;
    assert!(
        world.store.claim_expired_generations(world.replica, i64::MAX).await.unwrap().is_empty(),
        "not its own"
    );
    let claimed = world.store.claim_expired_generations(other, i64::MAX).await.unwrap();
    assert_eq!(claimed.len(), 1);
    assert_eq!(claimed[0].claim(), Claim { generation_id: ids.generation_id, owner: other, epoch: 2 });
    assert!(world.store.claim_expired_generations(other, i64::MAX).await.unwrap().is_empty());
}

#[tokio::test]
async fn generations_of_a_server_that_nobody_knows_are_taken() {
    let world = World::new().await;
    world.send().await;
    world.sql("DELETE FROM replicas").await;
    let other = ReplicaId::new();
    world.store.register_replica(other, Uuid::now_v7()).await.unwrap();
    assert_eq!(world.store.claim_expired_generations(other, i64::MAX).await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_the_dead_left_is_counted_and_taken_in_parts() {
    let world = World::new().await;
    for _ in 0..5 {
        world.send().await;
    }
    let (me, other) = (ReplicaId::new(), ReplicaId::new());
    for living in [me, other] {
        world.store.register_replica(living, Uuid::now_v7()).await.unwrap();
    }
    assert_eq!(world.store.orphans(me).await.unwrap(), Orphans { generations: 0, replicas: 3 });
    world.sql(&format!("UPDATE replicas SET lease_until = now() WHERE id = '{}'", world.replica)).await;
    assert_eq!(world.store.orphans(me).await.unwrap(), Orphans { generations: 5, replicas: 2 });
    assert_eq!(world.store.claim_expired_generations(me, 3).await.unwrap().len(), 3);
    assert_eq!(world.store.orphans(other).await.unwrap(), Orphans { generations: 2, replicas: 2 });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_servers_that_claim_at_once_share_and_do_not_quarrel() {
    let world = World::new().await;
    for _ in 0..20 {
        world.send().await;
    }
    world.sql("UPDATE replicas SET lease_until = now()").await;
    let claims: Vec<_> = (0..4)
        .map(|_| {
            let store = world.store.clone();
            tokio::spawn(async move {
                let me = ReplicaId::new();
                store.register_replica(me, Uuid::now_v7()).await.unwrap();
                store.claim_expired_generations(me, i64::MAX).await.unwrap()
            })
        })
        .collect();
    let mut ids = Vec::new();
    for claim in claims {
        ids.extend(claim.await.unwrap().into_iter().map(|row| row.id));
    }
    ids.sort();
    let all = ids.len();
    ids.dedup();
    assert_eq!((all, ids.len()), (20, 20));
}

#[tokio::test]
async fn a_process_that_was_replaced_learns_it_from_its_heartbeat() {
    let world = World::new().await;
    let (id, old, new) = (ReplicaId::new(), Uuid::now_v7(), Uuid::now_v7());
    world.store.register_replica(id, old).await.unwrap();
    world.store.heart(id, old).beat().await.unwrap();
    world.store.register_replica(id, new).await.unwrap();
    assert!(matches!(world.store.heart(id, old).beat().await, Err(StoreError::Conflict)));
    world.store.release_replica(id, old).await.unwrap();
    world.store.heart(id, new).beat().await.unwrap();
}

#[tokio::test]
async fn a_server_that_goes_down_on_purpose_lets_others_take_over_at_once() {
    let world = World::new().await;
    let (leaving, staying) = (ReplicaId::new(), ReplicaId::new());
    let boot = Uuid::now_v7();
    world.store.register_replica(leaving, boot).await.unwrap();
    world.store.register_replica(staying, Uuid::now_v7()).await.unwrap();
    let new = store::NewSend { owner: leaving, ..world.new_send() };
    world.store.begin_send(world.ada, &new).await.unwrap();
    assert!(world.store.claim_expired_generations(staying, i64::MAX).await.unwrap().is_empty());
    world.store.release_replica(leaving, boot).await.unwrap();
    assert_eq!(world.store.claim_expired_generations(staying, i64::MAX).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_heartbeat_tells_whether_the_lease_was_held_and_how_many_others_live() {
    let world = World::new().await;
    let (id, boot_id) = (ReplicaId::new(), Uuid::now_v7());
    world.store.register_replica(id, boot_id).await.unwrap();
    let mut heart = world.store.heart(id, boot_id);
    let beat = heart.beat().await.unwrap();
    assert_eq!(beat, Heartbeat { was_held: true, others: 1 });
    world.sql("UPDATE replicas SET lease_until = now() - interval '1 second'").await;
    let beat = heart.beat().await.unwrap();
    assert_eq!(beat, Heartbeat { was_held: false, others: 0 });
}

#[tokio::test]
async fn a_server_asks_which_of_its_own_answers_somebody_wants_to_end() {
    let world = World::new().await;
    let (stopping, running) = (world.send().await, world.send().await);
    for ids in [stopping, running] {
        world.start(ids).await;
    }
    world.store.request_stop(world.ada, stopping.generation_id).await.unwrap();
    assert_eq!(world.store.stopping_generations(world.replica).await.unwrap(), [stopping.generation_id]);
    assert_eq!(world.store.stopping_generations(ReplicaId::new()).await.unwrap(), []);
}

#[tokio::test]
async fn a_server_takes_up_what_it_owns_and_has_forgotten_and_nothing_else() {
    let world = World::new().await;
    let (forgotten, running) = (world.send().await, world.send().await);
    let ended = world.exchange(None, store::Parent::ActiveLeaf, "Hello?").await;
    let ids = [forgotten.generation_id, ended.generation_id];
    let other = world.store.claim_forgotten_generations(ReplicaId::new(), &ids).await.unwrap();
    assert!(other.is_empty());
    let rows = world.store.claim_forgotten_generations(world.replica, &ids).await.unwrap();
    assert_eq!(
        rows.iter().map(|row| (row.id, row.epoch)).collect::<Vec<_>>(),
        [(forgotten.generation_id, 2)]
    );
    let row = world.store.generation(world.ada, running.generation_id).await.unwrap();
    assert_eq!(row.epoch, 1);
}

#[tokio::test]
async fn a_heart_beats_on_after_it_has_lost_its_connection() {
    let world = World::new().await;
    let (id, boot_id) = (ReplicaId::new(), Uuid::now_v7());
    world.store.register_replica(id, boot_id).await.unwrap();
    let mut heart = world.store.heart(id, boot_id);
    heart.beat().await.unwrap();
    world
        .sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'oriel heart'
            AND datname = current_database()",
        )
        .await;
    assert!(matches!(heart.beat().await, Err(StoreError::Unavailable(_))));
    heart.beat().await.unwrap();
}
