//! Models and the memory that there is for them.

use engine::scripted::ScriptedModel;
use engine::{GenerationEvent, ModelState};

use crate::harness::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_does_not_fit_says_by_how_much_and_what_would_and_is_not_started() {
    let rig = rig(&[("heavy", heavy()), ("light", ScriptedModel::default())], |config| {
        config.memory_budget_bytes = Some(1_000_000_000);
    });
    let ModelState::Failed { message } = rig.model("heavy").state else { panic!("{:?}", rig.model("heavy")) };
    for words in
        ["needs 1.2 GB", "1.0 GB are free", "budget of 1.0 GB", "context_tokens = ", "q8_0", "slots = 1"]
    {
        assert!(message.contains(words), "{words}: {message}");
    }
    assert_eq!(rig.engine.resolve(None).unwrap().as_str(), "light", "the default is one that works");
    assert_eq!(rig.answer("heavy", "hello").await.error().to_string(), message);
    assert!(rig.workers().is_empty());
    rig.answer("light", "hello").await.done();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_larger_than_the_budget_is_refused_although_it_would_be_mapped() {
    let huge = ScriptedModel { weights_bytes: 9_000_000_000, ..ScriptedModel::default() };
    let rig = rig(&[("huge", huge)], |config| config.memory_budget_bytes = Some(8_000_000_000));
    let message = rig.answer("huge", "hello").await.error().to_string();
    assert!(message.contains("needs 9.") && message.contains("smaller file"), "{message}");
    assert!(rig.workers().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn states_take_what_the_slots_hold_and_a_part_of_the_budget_at_most() {
    let memory = |budget_bytes: u64, set: Option<u64>| {
        let rig = rig(&[("one", heavy())], |config| {
            config.memory_budget_bytes = Some(budget_bytes);
            config.states_memory_bytes = set;
        });
        assert!(matches!(rig.model("one").state, ModelState::Unloaded), "{:?}", rig.model("one").state);
        rig.model("one").memory.estimated
    };
    let roomy = memory(64_000_000_000, None);
    assert!(roomy.states_bytes == roomy.cache_bytes && roomy.cache_bytes > 500_000_000, "{roomy:?}");
    assert_eq!(memory(4_000_000_000, None).states_bytes, 500_000_000);
    let rest_bytes = 1_000_000;
    let tight = roomy.total_bytes() - roomy.states_bytes + rest_bytes;
    assert_eq!(memory(tight, None).states_bytes, rest_bytes, "states keep no model out");
    assert_eq!(memory(64_000_000_000, Some(7)).states_bytes, 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_measured_counts_from_then_on() {
    // Both fit by their headers, and not by what the first one tells.
    let greedy = ScriptedModel { surplus_mib: 1_800, ..ScriptedModel::default() };
    let rig = rig(&[("greedy", greedy), ("light", heavy())], |config| {
        config.memory_budget_bytes = Some(ROOM_FOR_ONE);
    });
    let before = rig.model("greedy").memory;
    assert_eq!((before.measured, before.error_percent()), (None, None));
    rig.answer("greedy", "hello").await.done();
    let after = rig.model("greedy").memory;
    assert!(after.counted_bytes() > before.counted_bytes() + 1_000_000_000, "{after:?}");
    assert!(after.error_percent().unwrap() < -90.0, "{after:?}");
    rig.answer("light", "hello").await.done();
    assert_eq!(rig.model("greedy").state, ModelState::Unloaded);
}

#[tokio::test(flavor = "multi_thread")]
async fn models_that_would_go_in_vain_stay() {
    let rig = rig(&[("busy", heavy()), ("idle", ScriptedModel::default()), ("next", heavy())], |config| {
        config.memory_budget_bytes = Some(ROOM_FOR_ONE);
    });
    rig.answer("idle", "hello").await.done();
    let mut busy = rig.ask("busy", "endless pause:1").await;
    first_text(&mut busy).await;
    let mut next = rig.ask("next", "hello").await;
    first_text(&mut busy).await;
    assert_eq!(rig.model("idle").state, ModelState::Ready, "without the busy one there is too little room");
    busy.stop();
    read(&mut busy).await.done();
    read(&mut next).await.done();
    assert_eq!(rig.model("idle").state, ModelState::Ready, "there was room enough");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_needs_all_the_room_sends_all_idle_ones_away() {
    let large = ScriptedModel { cache_bytes_per_token: 160 * 1024, ..ScriptedModel::default() };
    let half = || ScriptedModel { cache_bytes_per_token: 64 * 1024, ..ScriptedModel::default() };
    let rig = rig(&[("one", half()), ("two", half()), ("large", large)], |config| {
        config.memory_budget_bytes = Some(ROOM_FOR_ONE);
    });
    for model in ["one", "two"] {
        rig.answer(model, "hello").await.done();
    }
    assert_eq!(rig.workers().len(), 2);
    rig.answer("large", "hello").await.done();
    assert_eq!(rig.workers().len(), 1);
}

/// Two models that do not fit together do not swap at each request.
#[tokio::test(flavor = "multi_thread")]
async fn requests_are_grouped_by_model() {
    let rig = rig(&[("one", heavy()), ("two", heavy())], |config| {
        config.memory_budget_bytes = Some(ROOM_FOR_ONE);
    });
    let mut running = rig.ask("one", "endless pause:1").await;
    first_text(&mut running).await;
    let mut others = vec![rig.ask("two", "hello").await];
    for _ in 0..5 {
        let told = rig.answer("one", "hello").await;
        told.done();
        let waited = |event: &GenerationEvent| matches!(event, GenerationEvent::Loading { .. });
        assert!(!told.events.iter().any(waited), "it was loaded all the time: {:?}", told.events);
        others.push(rig.ask("two", "hello").await);
    }
    assert_eq!(rig.model("two").state, ModelState::Unloaded, "it waits for its turn");
    running.stop();
    read(&mut running).await.done();
    for other in &mut others {
        read(other).await.done();
    }
    assert_eq!(rig.model("two").state, ModelState::Ready);
}
