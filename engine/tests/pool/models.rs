use std::fs;
use std::time::Duration;

use engine::scripted::{ScriptedModel, expected_answer};
use engine::{Engine, EngineError, GenerationError, ModelState, StartError};

use crate::harness::*;

fn is_unloaded(state: &ModelState) -> bool {
    *state == ModelState::Unloaded
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_file_is_listed_with_the_reason_and_harms_nobody() {
    let directory = tempfile::tempdir().unwrap();
    let config = config(directory.path());
    fs::create_dir_all(&config.model_path).unwrap();
    fs::write(config.model_path.join("bad.gguf"), "<html>").unwrap();
    ScriptedModel::default().write(&config.model_path.join("good-Q4_0.gguf")).unwrap();
    let rig = Rig { engine: Engine::start(config).unwrap(), directory };

    let ModelState::Failed { message } = rig.model("bad").state else { panic!("{:?}", rig.model("bad")) };
    assert!(message.contains("not a GGUF file"), "{message}");
    assert_eq!(rig.engine.resolve(None).unwrap().as_str(), "good", "the default is one that works");
    let told = rig.answer("bad", "hello").await;
    assert!(told.error().to_string().contains("not a GGUF file"));
    rig.answer("good", "hello").await.done();
}

#[tokio::test]
async fn a_file_that_was_repaired_is_tried_again_after_a_pause() {
    let rig = simple();
    let path = rig.model("one").path;
    fs::write(&path, "damaged").unwrap();
    assert!(rig.answer("one", "hello").await.error().to_string().contains("not a GGUF file"));
    ScriptedModel::default().write(&path).unwrap();
    assert!(rig.answer("one", "hello").await.error().to_string().contains("not a GGUF file"), "not yet");
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(2)).await;
    tokio::time::resume();
    rig.answer("one", "hello").await.done();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_cannot_be_loaded_says_why() {
    let broken =
        ScriptedModel { load_error: Some("its tensors are odd".to_owned()), ..ScriptedModel::default() };
    let rig = rig(&[("broken", broken), ("fine", ScriptedModel::default())], |_| {});
    assert_eq!(
        *rig.answer("broken", "hello").await.error(),
        GenerationError::ModelUnusable { message: "its tensors are odd".to_owned() }
    );
    rig.until_state("broken", |state| matches!(state, ModelState::Failed { .. })).await;
    let id = rig.engine.resolve(Some("broken")).unwrap();
    assert!(matches!(within(rig.engine.load(&id)).await, Err(EngineError::Failed(_))));
    rig.answer("fine", "hello").await.done();
}

#[tokio::test(flavor = "multi_thread")]
async fn two_models_are_loaded_side_by_side_where_memory_allows() {
    let rig = rig(&[("one", ScriptedModel::default()), ("two", ScriptedModel::default())], |_| {});
    rig.answer("one", "hello").await.done();
    rig.answer("two", "hello").await.done();
    assert_eq!(rig.model("one").state, ModelState::Ready);
    assert_eq!(rig.model("two").state, ModelState::Ready);
    assert_eq!(rig.workers().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_idle_model_makes_room_for_another() {
    let rig = rig(&[("one", heavy()), ("two", heavy())], |config| {
        config.memory_budget_bytes = Some(ROOM_FOR_ONE);
    });
    for model in ["one", "two", "one"] {
        let told = rig.answer(model, "hello").await;
        assert_eq!(told.text, expected_answer(&asks("hello"), &sampling()));
        assert_eq!(rig.workers().len(), 1, "one at a time");
    }
    assert_eq!(rig.model("two").state, ModelState::Unloaded);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_model_is_not_thrown_out() {
    let rig = rig(&[("one", heavy()), ("two", heavy())], |config| {
        config.memory_budget_bytes = Some(ROOM_FOR_ONE);
    });
    let mut busy = rig.ask("one", "endless pause:1").await;
    first_text(&mut busy).await;
    let mut waiting = rig.ask("two", "hello").await;
    first_text(&mut busy).await;
    assert_eq!(rig.model("one").state, ModelState::Ready);
    busy.stop();
    read(&mut busy).await;
    read(&mut waiting).await.done();
}

/// Time is paused once both are asked: it then jumps to whatever is due next.
#[tokio::test]
async fn a_busy_model_gives_way_to_one_that_has_been_waited_for_long_enough() {
    let rig = rig(&[("one", heavy()), ("two", heavy())], |config| {
        config.memory_budget_bytes = Some(ROOM_FOR_ONE);
    });
    let mut busy = rig.ask("one", "endless pause:1").await;
    first_text(&mut busy).await;
    let mut waiting = rig.ask("two", "hello").await;
    let mut news = rig.engine.watch_models();
    tokio::time::pause();
    while rig.model("one").state != ModelState::Draining {
        news.changed().await.unwrap();
    }
    tokio::time::resume();
    let mut next = rig.ask("one", "hello").await;
    busy.stop();
    read(&mut busy).await.done();
    read(&mut waiting).await.done();
    read(&mut next).await.done();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_nobody_asks_is_unloaded_and_loaded_again_when_asked() {
    let rig = rig(&[("one", ScriptedModel::default())], |config| {
        config.idle_unload = Some(Duration::from_millis(20));
    });
    for _ in 0..2 {
        rig.answer("one", "hello").await.done();
        rig.until_state("one", is_unloaded).await;
        assert!(rig.workers().is_empty());
    }
    assert_eq!(rig.model("one").context_tokens, Some(4_096), "known since it was loaded once");
}

#[tokio::test(flavor = "multi_thread")]
async fn unloading_waits_for_the_answers() {
    let rig = simple();
    let id = rig.engine.resolve(Some("one")).unwrap();
    within(rig.engine.load(&id)).await.unwrap();
    assert_eq!(rig.model("one").state, ModelState::Ready);
    let mut generation = rig.ask("one", "tokens:200 pause:1").await;
    first_text(&mut generation).await;
    let (unloaded, told) =
        within(async { tokio::join!(rig.engine.unload(&id), read(&mut generation)) }).await;
    unloaded.unwrap();
    told.done();
    assert!(rig.workers().is_empty());
    within(rig.engine.unload(&id)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_during_draining_is_answered_by_the_next_process() {
    let rig = simple();
    let id = rig.engine.resolve(Some("one")).unwrap();
    let mut first = rig.ask("one", "endless pause:1").await;
    first_text(&mut first).await;
    let engine = rig.engine.clone();
    let unloading = tokio::spawn(async move { engine.unload(&id).await });
    rig.until_state("one", |state| *state == ModelState::Draining).await;
    let mut second = rig.ask("one", "hello").await;
    first.stop();
    read(&mut first).await.done();
    read(&mut second).await.done();
    within(unloading).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn names_are_resolved_in_any_case_and_unknown_ones_refused() {
    let rig =
        rig(&[("Alpha-1B-Q4_K_M", ScriptedModel::default()), ("beta", ScriptedModel::default())], |_| {});
    assert_eq!(rig.engine.resolve(None).unwrap().as_str(), "alpha-1b");
    assert_eq!(rig.engine.resolve(Some("ALPHA-1b")).unwrap().as_str(), "alpha-1b");
    assert_eq!(rig.engine.resolve(Some("gamma")), Err(EngineError::UnknownModel { id: "gamma".to_owned() }));
    let defaults: Vec<bool> = rig.engine.models().iter().map(|model| model.is_default).collect();
    assert_eq!(defaults, [true, false]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_cannot_work_says_what_to_set() {
    let directory = tempfile::tempdir().unwrap();
    let without_models = Engine::start(config(directory.path())).unwrap_err();
    assert!(matches!(&without_models, StartError::ModelPath { .. }));
    assert!(without_models.to_string().contains("MODEL_PATH"), "{without_models}");

    let mut without_worker = config(directory.path());
    fs::create_dir_all(&without_worker.model_path).unwrap();
    without_worker.worker = "/nowhere/oriel-engine".into();
    let error = Engine::start(without_worker).unwrap_err();
    assert!(error.to_string().contains("ENGINE_PATH"), "{error}");
}
