use shared::{ApiError, ErrorCode, MessageStatus};
use store::{Claim, Heartbeat, ReplicaId, StoreError};
use uuid::Uuid;

use crate::fixture::{World, chunks};

fn interrupted() -> ApiError {
    ApiError::new(ErrorCode::EngineFailed, "Oriel was restarted. Ask again.")
}

#[tokio::test]
async fn a_restarted_server_ends_what_it_left_and_keeps_the_text() {
    let world = World::new().await;
    let (running, queued) = (world.send().await, world.send().await);
    let stopping = world.send().await;
    let old = world.start(running).await;
    world.append(old, &["Half an ans"]).await;
    world.store.request_stop(world.ada, stopping.generation_id).await.unwrap();

    world.store.register_replica(world.replica, Uuid::now_v7()).await.unwrap();
    let claimed = world.store.claim_own_generations(world.replica).await.unwrap();
    assert_eq!(claimed.len(), 3);
    assert!(claimed.iter().all(|row| row.epoch == 2));
    for row in &claimed {
        world.store.end_claimed_generation(row, &interrupted()).await.unwrap().expect("it had not ended");
    }

    let message =
        async |ids: shared::SendAccepted| world.store.message(world.ada, ids.message_id).await.unwrap();
    let half = message(running).await;
    assert_eq!((half.status, half.content.as_str()), (MessageStatus::Failed, "Half an ans"));
    assert_eq!(half.error, Some(interrupted()));
    assert_eq!(message(queued).await.status, MessageStatus::Failed);
    assert_eq!(message(stopping).await.status, MessageStatus::Stopped);
    let zombie = world.store.append_chunks(old.owner, &chunks(old, &["late"])).await.unwrap();
    assert_eq!(zombie, [running.generation_id], "the process before the restart is fenced out");
    assert!(world.store.claim_own_generations(world.replica).await.unwrap().is_empty());
}

#[tokio::test]
async fn only_generations_whose_lease_is_over_are_taken() {
    let world = World::new().await;
    let ids = world.send().await;
    let other = ReplicaId::new();
    world.store.register_replica(other, Uuid::now_v7()).await.unwrap();
    assert!(world.store.claim_expired_generations(other).await.unwrap().is_empty());
    world.sql(&format!("UPDATE replicas SET lease_until = now() WHERE id = '{}'", world.replica)).await;
    assert!(world.store.claim_expired_generations(world.replica).await.unwrap().is_empty(), "not its own");
    let claimed = world.store.claim_expired_generations(other).await.unwrap();
    assert_eq!(claimed.len(), 1);
    assert_eq!(claimed[0].claim(), Claim { generation_id: ids.generation_id, owner: other, epoch: 2 });
    assert!(world.store.claim_expired_generations(other).await.unwrap().is_empty());
}

#[tokio::test]
async fn generations_of_a_server_that_nobody_knows_are_taken() {
    let world = World::new().await;
    world.send().await;
    world.sql("DELETE FROM replicas").await;
    let other = ReplicaId::new();
    world.store.register_replica(other, Uuid::now_v7()).await.unwrap();
    assert_eq!(world.store.claim_expired_generations(other).await.unwrap().len(), 1);
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
                store.claim_expired_generations(me).await.unwrap()
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
    world.store.heartbeat(id, old).await.unwrap();
    world.store.register_replica(id, new).await.unwrap();
    assert!(matches!(world.store.heartbeat(id, old).await, Err(StoreError::Conflict)));
    world.store.release_replica(id, old).await.unwrap();
    world.store.heartbeat(id, new).await.unwrap();
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
    assert!(world.store.claim_expired_generations(staying).await.unwrap().is_empty());
    world.store.release_replica(leaving, boot).await.unwrap();
    assert_eq!(world.store.claim_expired_generations(staying).await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_heartbeat_tells_whether_the_lease_was_held_and_how_many_others_live() {
    let world = World::new().await;
    let (id, boot_id) = (ReplicaId::new(), Uuid::now_v7());
    world.store.register_replica(id, boot_id).await.unwrap();
    let beat = world.store.heartbeat(id, boot_id).await.unwrap();
    assert_eq!(beat, Heartbeat { was_held: true, others: 1 });
    world.sql("UPDATE replicas SET lease_until = now() - interval '1 second'").await;
    let beat = world.store.heartbeat(id, boot_id).await.unwrap();
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
