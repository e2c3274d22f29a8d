use shared::{ApiError, ErrorCode, FinishReason, MessageStatus, Usage};
use store::{Claim, Ending, GenerationStatus, ReplicaId, Started, StopOutcome};

use crate::fixture::World;

const USAGE: Usage = Usage {
    prompt_tokens: 10,
    cached_tokens: 4,
    completion_tokens: 2,
    context_tokens: 2048,
    first_token_ms: 120,
    tokens_per_second: 50.5,
};

#[tokio::test]
async fn a_generation_is_queued_runs_and_ends_with_the_text_of_its_journal() {
    let world = World::new().await;
    let ids = world.send().await;
    let claim = world.start(ids).await;
    let message = world.store.message(world.ada, ids.message_id).await.unwrap();
    assert_eq!((message.status, message.content.as_str()), (MessageStatus::Streaming, ""));
    world.append(claim, &["Grüß ", "Gott"]).await;
    let ending = Ending::Finished(FinishReason::Length);
    let ended = world.store.finish_generation(claim, &ending, Some(&USAGE)).await.unwrap().unwrap();
    assert_eq!(ended.content, "Grüß Gott");
    assert_eq!((ended.status, ended.finish_reason), (MessageStatus::Complete, Some(FinishReason::Length)));
    assert_eq!(ended.usage, Some(USAGE));
    assert_eq!(world.store.message(world.ada, ids.message_id).await.unwrap(), ended);
    let row = world.store.generation(world.ada, ids.generation_id).await.unwrap();
    assert_eq!((row.status, row.last_seq), (GenerationStatus::Done, 2));
    assert!(row.started_at.is_some() && row.ended_at.is_some());
    let unfinished = world.store.unfinished_generations(world.ada, ids.conversation_id).await.unwrap();
    assert!(unfinished.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_generation_ends_exactly_once() {
    let world = World::new().await;
    let ids = world.send().await;
    let claim = world.start(ids).await;
    let tries: Vec<_> = (0..6)
        .map(|_| {
            let store = world.store.clone();
            tokio::spawn(async move {
                let ending = Ending::Finished(FinishReason::Stop);
                store.finish_generation(claim, &ending, None).await.unwrap().is_some()
            })
        })
        .collect();
    let mut ended = 0;
    for attempt in tries {
        ended += usize::from(attempt.await.unwrap());
    }
    assert_eq!(ended, 1);
}

#[tokio::test]
async fn a_failure_is_kept_with_the_text_and_says_what_to_do() {
    let world = World::new().await;
    let ids = world.send().await;
    let claim = world.start(ids).await;
    world.append(claim, &["Half an ans"]).await;
    let error = ApiError::new(ErrorCode::EngineFailed, "The model ended. Try again.");
    let ended =
        world.store.finish_generation(claim, &Ending::Failed(error.clone()), None).await.unwrap().unwrap();
    assert_eq!((ended.status, ended.content.as_str()), (MessageStatus::Failed, "Half an ans"));
    assert_eq!((ended.error, ended.finish_reason), (Some(error), None));
}

#[tokio::test]
async fn what_was_left_out_of_the_prompt_is_told_with_the_answer() {
    let world = World::new().await;
    let ids = world.send().await;
    let claim = Claim::first(ids.generation_id, world.replica);
    let params = serde_json::json!({ "seed": 7 });
    world.store.start_generation(claim, &params, &[ids.user_message_id]).await.unwrap();
    let message = world.store.message(world.ada, ids.message_id).await.unwrap();
    assert_eq!(message.omitted_message_ids, [ids.user_message_id]);
    assert_eq!(world.store.generation(world.ada, ids.generation_id).await.unwrap().params, Some(params));
}

#[tokio::test]
async fn a_stop_before_the_start_prevents_it() {
    let world = World::new().await;
    let ids = world.send().await;
    let stop = world.store.request_stop(world.ada, ids.generation_id).await.unwrap();
    assert_eq!(stop, StopOutcome::Requested { owner: world.replica });
    let claim = Claim::first(ids.generation_id, world.replica);
    let params = serde_json::json!({ "seed": 7 });
    let started = world.store.start_generation(claim, &params, &[]).await.unwrap();
    assert_eq!(started, Started::StopRequested);
    // A first word may come all the same; with these it can be gone on with.
    assert_eq!(world.store.generation(world.ada, ids.generation_id).await.unwrap().params, Some(params));
    let ending = Ending::Finished(FinishReason::Stopped);
    let ended = world.store.finish_generation(claim, &ending, None).await.unwrap().unwrap();
    assert_eq!((ended.status, ended.finish_reason), (MessageStatus::Stopped, Some(FinishReason::Stopped)));
}

#[tokio::test]
async fn a_stop_while_it_runs_is_seen_by_its_owner_and_may_be_repeated() {
    let world = World::new().await;
    let ids = world.send().await;
    let claim = world.start(ids).await;
    for _ in 0..2 {
        let stop = world.store.request_stop(world.ada, ids.generation_id).await.unwrap();
        assert_eq!(stop, StopOutcome::Requested { owner: world.replica });
    }
    let owned = world.store.owned_generations(world.replica).await.unwrap();
    assert_eq!(owned, [ids.generation_id]);
    let row = world.store.generation(world.ada, ids.generation_id).await.unwrap();
    assert_eq!(row.status, GenerationStatus::Stopping);
    world.append(claim, &["The last words"]).await;
    assert_eq!(world.finish(claim).await.content, "The last words");
}

#[tokio::test]
async fn an_answer_that_has_ended_is_never_marked_stopped() {
    let world = World::new().await;
    let ids = world.exchange(None, store::Parent::ActiveLeaf, "one").await;
    let stop = world.store.request_stop(world.ada, ids.generation_id).await.unwrap();
    assert_eq!(stop, StopOutcome::AlreadyEnded);
    let row = world.store.generation(world.ada, ids.generation_id).await.unwrap();
    assert_eq!(row.status, GenerationStatus::Done);
}

#[tokio::test]
async fn only_the_owner_of_the_epoch_starts_and_ends() {
    let world = World::new().await;
    let ids = world.send().await;
    let mine = Claim::first(ids.generation_id, world.replica);
    let stale = Claim { epoch: 2, ..mine };
    let foreign = Claim { owner: ReplicaId::new(), ..mine };
    for claim in [stale, foreign] {
        let started = world.store.start_generation(claim, &serde_json::json!({}), &[]).await.unwrap();
        assert_eq!(started, Started::Lost);
        let ending = Ending::Finished(FinishReason::Stop);
        assert_eq!(world.store.finish_generation(claim, &ending, None).await.unwrap(), None);
    }
    assert_eq!(world.start(ids).await, mine);
}

#[tokio::test]
async fn the_answers_of_a_deleted_conversation_still_end() {
    let world = World::new().await;
    let ids = world.send().await;
    let claim = world.start(ids).await;
    world.store.delete_conversation(world.ada, ids.conversation_id).await.unwrap();
    world.append(claim, &["Unseen"]).await;
    assert_eq!(world.finish(claim).await.content, "Unseen");
}

#[tokio::test]
async fn deaths_of_the_engine_are_counted_by_the_owner_alone() {
    let world = World::new().await;
    let claim = world.start(world.send().await).await;
    let other = Claim { epoch: 2, ..claim };
    assert!(world.store.note_engine_deaths(claim, 1).await.unwrap());
    assert!(!world.store.note_engine_deaths(other, 2).await.unwrap());
    let row = world.store.generation(world.ada, claim.generation_id).await.unwrap();
    assert_eq!(row.engine_deaths, 1);
    world.finish(claim).await;
    assert!(!world.store.note_engine_deaths(claim, 2).await.unwrap());
}
