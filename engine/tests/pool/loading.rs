//! Loading that is of no use any more ends at once; settings of single models; pinned models.

use std::fs;

use engine::scripted::ScriptedModel;
use engine::{Engine, FinishReason, Generation, GenerationError, GenerationEvent, LoadStage, ModelState};

use crate::harness::*;

/// A model that is being loaded for longer than any test waits.
fn slow() -> ScriptedModel {
    ScriptedModel { load_ms: 3_600_000, ..ScriptedModel::default() }
}

/// Reads until the weights are being read.
async fn until_loading(generation: &mut Generation) {
    while let Some(event) = within(generation.next()).await {
        if matches!(event, GenerationEvent::Loading { stage: LoadStage::Weights, .. }) {
            return;
        }
        assert!(!event.is_end(), "{event:?}");
    }
    panic!("it ended without being loaded");
}

fn is_unloaded(state: &ModelState) -> bool {
    *state == ModelState::Unloaded
}

/// An engine over one model, with this `models.toml`.
fn rig_with(settings: &str, models: &[(&str, ScriptedModel)]) -> Rig {
    let write = |path| fs::write(path, settings).expect("the directory of the models can be written to");
    rig(models, |config| write(config.model_path.join("models.toml")))
}

#[tokio::test(flavor = "multi_thread")]
async fn loading_ends_when_the_only_one_who_waits_stops() {
    let rig = rig(&[("one", slow())], |_| {});
    let mut generation = rig.ask("one", "hello").await;
    until_loading(&mut generation).await;
    generation.stop();
    assert_eq!(read(&mut generation).await.done().0, FinishReason::Stopped);
    rig.until_state("one", is_unloaded).await;
    assert!(rig.workers().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn loading_ends_when_the_last_of_several_has_gone_and_not_before() {
    let rig = rig(&[("one", slow())], |_| {});
    let mut first = rig.ask("one", "hello").await;
    let mut second = rig.ask("one", "hello").await;
    until_loading(&mut first).await;
    first.stop();
    read(&mut first).await.done();
    assert!(matches!(rig.model("one").state, ModelState::Loading { .. }));
    until_loading(&mut second).await;
    drop(second);
    rig.until_state("one", is_unloaded).await;
    assert!(rig.workers().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_is_asked_for_while_its_loading_is_given_up_is_loaded_again() {
    let rig = rig(&[("one", ScriptedModel { load_ms: 500, ..ScriptedModel::default() })], |_| {});
    let mut first = rig.ask("one", "hello").await;
    until_loading(&mut first).await;
    first.stop();
    let mut second = rig.ask("one", "hello").await;
    read(&mut first).await.done();
    read(&mut second).await.done();
}

#[tokio::test(flavor = "multi_thread")]
async fn unloading_ends_loading_and_tells_those_who_wait() {
    let rig = rig(&[("one", slow())], |_| {});
    let id = rig.engine.resolve(Some("one")).unwrap();
    let mut generation = rig.ask("one", "hello").await;
    until_loading(&mut generation).await;
    within(rig.engine.unload(&id)).await.unwrap();
    assert!(rig.workers().is_empty());
    let told = read(&mut generation).await;
    let GenerationError::ModelUnusable { message } = told.error() else { panic!("{:?}", told.error()) };
    assert!(message.contains("unloaded") && message.contains("ask again"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_has_its_own_slots_and_context() {
    let rig = rig_with(
        "[one]\nslots = 1\ncontext_tokens = 512",
        &[("one", ScriptedModel::default()), ("two", ScriptedModel::default())],
    );
    for model in ["one", "two"] {
        rig.answer(model, "hello").await.done();
    }
    assert_eq!(rig.model("one").context_tokens, Some(512));
    assert_eq!(rig.model("two").context_tokens, Some(4_096));
    let mut running = rig.ask("one", "endless pause:1").await;
    first_text(&mut running).await;
    let mut waiting = rig.ask("one", "hello").await;
    assert!(matches!(within(waiting.next()).await, Some(GenerationEvent::Queued { place: 1 })));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mistake_in_the_settings_of_one_model_is_told_there_and_harms_no_other() {
    let rig = rig_with(
        "[one]\nslotz = 1\n[gone]\nslots = 1",
        &[("one", ScriptedModel::default()), ("two", ScriptedModel::default())],
    );
    let told = rig.answer("one", "hello").await;
    let message = told.error().to_string();
    assert!(message.contains("models.toml") && message.contains("slotz"), "{message}");
    assert_eq!(rig.engine.resolve(None).unwrap().as_str(), "two", "the default is one that works");
    rig.answer("two", "hello").await.done();
    assert!(rig.answer("one", "hello").await.error().to_string().contains("slotz"), "also when asked again");
}

#[tokio::test(flavor = "multi_thread")]
async fn changed_settings_are_taken_up_at_the_next_load_and_a_broken_file_changes_nothing() {
    let rig = rig_with("", &[("one", ScriptedModel::default()), ("two", ScriptedModel::default())]);
    let set = |text: &str| fs::write(rig.directory.path().join("models/models.toml"), text).unwrap();
    let tokens = |id: &str| rig.model(id).context_tokens;
    rig.answer("one", "hello").await.done();
    let before = tokens("one").unwrap();
    set("[one]\ncontext_tokens = 300\n[two]\ncontext_tokens = 400");
    rig.answer("one", "hello").await.done();
    assert_eq!(tokens("one"), Some(before), "it goes on as it was loaded");
    rig.answer("two", "hello").await.done();
    assert_eq!(tokens("two"), Some(400), "it was not loaded yet");

    let unload = async |id: &str| {
        let id = rig.engine.resolve(Some(id)).unwrap();
        rig.engine.unload(&id).await.unwrap();
    };
    set("[one]\ncontext_tokens = 300\n[two]\ncontext_tokens = 5");
    unload("one").await;
    unload("two").await;
    rig.answer("one", "hello").await.done();
    rig.answer("two", "hello").await.done();
    assert_eq!((tokens("one"), tokens("two")), (Some(300), Some(400)), "as it was last understood");
    let complaint = rig.engine.settings_complaint().unwrap();
    for word in ["models.toml", "line 4", "[\"two\"]", "context_tokens", "256"] {
        assert!(complaint.contains(word), "{complaint}");
    }
    set("[two]\npinned = true");
    rig.answer("one", "hello").await.done();
    assert_eq!(rig.engine.settings_complaint(), None);
}

#[tokio::test]
async fn settings_that_are_no_toml_keep_the_engine_from_starting() {
    let directory = tempfile::tempdir().unwrap();
    let config = config(directory.path());
    fs::create_dir_all(&config.model_path).unwrap();
    fs::write(config.model_path.join("models.toml"), "[one\nslots").unwrap();
    let error = Engine::start(config).unwrap_err().to_string();
    assert!(error.contains("models.toml") && error.contains("line 1"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn adapters_and_draft_models_are_checked_before_a_process_is_started() {
    for (settings, what) in [
        ("lora = [{ path = \"missing.gguf\" }]", "missing.gguf"),
        ("lora = [{ path = \"two.gguf\" }]", "no LoRA adapter"),
        ("draft_model = \"missing.gguf\"", "draft model"),
    ] {
        let rig = rig_with(
            &format!("[one]\n{settings}"),
            &[("one", ScriptedModel::default()), ("two", ScriptedModel::default())],
        );
        let message = rig.answer("one", "hello").await.error().to_string();
        assert!(message.contains(what), "{message}");
        rig.answer("two", "hello").await.done();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pinned_model_is_loaded_at_the_start_and_stays() {
    let rig = rig(&[("one", heavy()), ("two", ScriptedModel::default()), ("three", heavy())], |config| {
        fs::write(config.model_path.join("models.toml"), "[one]\npinned = true").unwrap();
        config.memory_budget_bytes = Some(ROOM_FOR_ONE);
        config.idle_unload = Some(std::time::Duration::from_millis(1));
    });
    rig.until_state("one", |state| *state == ModelState::Ready).await;
    assert!(rig.model("one").is_pinned);
    rig.answer("two", "hello").await.done();
    rig.until_state("two", is_unloaded).await;
    let message = rig.answer("three", "hello").await.error().to_string();
    assert!(message.contains("are free of the budget"), "{message}");
    assert_eq!(rig.model("one").state, ModelState::Ready, "idle for as long, and in the way of another");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pinned_model_that_is_unloaded_on_request_comes_back_when_it_is_asked_for() {
    let rig = rig_with("[one]\npinned = true", &[("one", ScriptedModel::default())]);
    let id = rig.engine.resolve(Some("one")).unwrap();
    rig.until_state("one", |state| *state == ModelState::Ready).await;
    within(rig.engine.unload(&id)).await.unwrap();
    assert_eq!(rig.model("one").state, ModelState::Unloaded);
    assert!(rig.workers().is_empty());
    rig.answer("one", "hello").await.done();
}
