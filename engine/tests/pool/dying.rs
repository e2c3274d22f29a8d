use engine::scripted::{ScriptedModel, expected_answer};
use engine::{Engine, EngineConfig, GenerationError, GenerationEvent, ModelState};

use crate::harness::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_dies_fails_its_answers_and_the_next_question_starts_another() {
    let rig = simple();
    let mut bystander = rig.ask("one", "endless pause:1").await;
    let seen = first_text(&mut bystander).await;
    let died = rig.answer("one", "crash:3").await;
    assert_eq!(*died.error(), GenerationError::WorkerDied);
    let bystander = read(&mut bystander).await;
    assert_eq!(*bystander.error(), GenerationError::WorkerDied);
    let whole = expected_answer(&asks("endless pause:1"), &sampling());
    assert!(whole.starts_with(&(seen + &bystander.text)), "what was told before is good");
    rig.answer("one", "hello").await.done();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_killed_from_outside_is_noticed() {
    let rig = simple();
    let mut generation = rig.ask("one", "endless pause:1").await;
    first_text(&mut generation).await;
    rig.kill_worker();
    assert_eq!(*read(&mut generation).await.error(), GenerationError::WorkerDied);
    rig.answer("one", "hello").await.done();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_whose_process_keeps_dying_is_given_a_rest() {
    let rig = rig(&[("bad", ScriptedModel::default()), ("good", ScriptedModel::default())], |_| {});
    for _ in 0..3 {
        assert_eq!(*rig.answer("bad", "crash:1").await.error(), GenerationError::WorkerDied);
    }
    rig.until_state(
        "bad",
        |state| matches!(state, ModelState::Failed { message } if message.contains("3 times in a row")),
    )
    .await;
    assert!(matches!(rig.answer("bad", "hello").await.error(), GenerationError::ModelResting { .. }));
    rig.answer("good", "hello").await.done();
}

#[tokio::test(flavor = "multi_thread")]
async fn good_answers_forgive_a_death() {
    let rig = simple();
    for _ in 0..4 {
        assert_eq!(*rig.answer("one", "crash:1").await.error(), GenerationError::WorkerDied);
        rig.answer("one", "hello").await.done();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_is_killed_again_and_again_after_a_first_word_is_started_again_each_time() {
    let rig = simple();
    for _ in 0..8 {
        let mut generation = rig.ask("one", "endless pause:1").await;
        first_text(&mut generation).await;
        rig.kill_worker();
        assert_eq!(*read(&mut generation).await.error(), GenerationError::WorkerDied);
    }
    rig.answer("one", "hello").await.done();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_is_killed_while_nobody_asks_is_started_again_when_somebody_does() {
    let rig = simple();
    let id = rig.engine.resolve(Some("one")).unwrap();
    for _ in 0..8 {
        within(rig.engine.load(&id)).await.unwrap();
        rig.kill_worker();
        rig.until_state("one", |state| *state == ModelState::Unloaded).await;
    }
    rig.answer("one", "hello").await.done();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_is_killed_while_it_loads_is_started_again_for_those_who_wait() {
    let slow = ScriptedModel { load_ms: 1_000, ..ScriptedModel::default() };
    let rig = rig(&[("one", slow)], |_| {});
    let mut generation = rig.ask("one", "hello").await;
    loop {
        match within(generation.next()).await.unwrap() {
            GenerationEvent::Loading { fraction, .. } if fraction > 0.0 => break,
            event => assert!(!event.is_end(), "{event:?}"),
        }
    }
    rig.kill_worker();
    read(&mut generation).await.done();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_dies_while_loading_makes_the_model_unusable_for_a_while() {
    let crashing = ScriptedModel { crashes_on_load: true, ..ScriptedModel::default() };
    let rig = rig(&[("one", crashing)], |_| {});
    let told = rig.answer("one", "hello").await;
    let GenerationError::ModelUnusable { message } = told.error() else { panic!("{:?}", told.error()) };
    assert!(message.contains("while loading"), "{message}");
    assert!(message.contains("signal"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_program_that_is_something_else_is_told_as_such() {
    for program in ["/bin/true", "/bin/cat"] {
        let directory = tempfile::tempdir().unwrap();
        let config = EngineConfig { worker: program.into(), ..config(directory.path()) };
        std::fs::create_dir_all(&config.model_path).unwrap();
        ScriptedModel::default().write(&config.model_path.join("one.gguf")).unwrap();
        let rig = Rig { engine: Engine::start(config).unwrap(), directory };
        let told = rig.answer("one", "hello").await;
        assert!(
            matches!(told.error(), GenerationError::ModelUnusable { .. }),
            "{program}: {:?}",
            told.error()
        );
        within(rig.engine.shutdown()).await;
    }
}

/// Time is paused once the answer has begun: it then jumps to whatever is due next.
#[tokio::test]
async fn a_process_that_hangs_is_given_up() {
    let rig = simple();
    let mut stuck = rig.ask("one", "stuck:2").await;
    first_text(&mut stuck).await;
    tokio::time::pause();
    let mut last = None;
    while let Some(event) = stuck.next().await {
        last = Some(event);
    }
    assert_eq!(last, Some(GenerationEvent::Failed(GenerationError::WorkerDied)));
    tokio::time::resume();
    rig.answer("one", "hello").await.done();
}
