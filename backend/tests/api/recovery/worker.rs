//! The engine's process dies, or its model rests, loads again or is another one.

use engine::scripted::ScriptedModel;
use shared::{ErrorCode, MessageStatus, SendAccepted};
use store::GenerationStatus;

use super::{QUESTION, back, errors, foretold, kept, until_chunk};
use crate::support::{TestApp, message};

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_engine_is_seen_by_no_reader() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let (sent, other) = (ada.say(QUESTION).await, ada.say("tokens:70 pause:10").await);
    let (mut reader, mut other_reader) = (ada.follow(&sent).await, ada.follow(&other).await);
    until_chunk(&mut reader, 2).await;
    until_chunk(&mut other_reader, 2).await;
    assert_eq!(app.kill_workers(), 1);
    assert_eq!(reader.until_end(sent.generation_id).await, foretold(QUESTION));
    assert_eq!(other_reader.until_end(other.generation_id).await, foretold("tokens:70 pause:10"));
    assert!(errors(&reader).is_empty() && errors(&other_reader).is_empty());
    let message = kept(&ada, &sent).await;
    assert_eq!(message.usage.map(|usage| usage.completion_tokens), Some(80));
    let row = app.state().store.generation(ada.account().id, sent.generation_id).await.expect("a row");
    assert_eq!((row.status, row.epoch, row.engine_deaths), (GenerationStatus::Done, 1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_death_of_the_engine_ends_the_answer_and_it_can_be_continued() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let sent = ada.say(QUESTION).await;
    let mut reader = ada.follow(&sent).await;
    for chunk in [2, 5] {
        until_chunk(&mut reader, chunk).await;
        assert_eq!(app.kill_workers(), 1);
    }
    let shown = reader.until_end(sent.generation_id).await;
    let message = kept(&ada, &sent).await;
    assert_eq!((message.status, &message.content), (MessageStatus::Failed, &shown));
    assert!(foretold(QUESTION).starts_with(&shown) && !shown.is_empty());
    let error = message.error.expect("an error");
    assert_eq!(error.code, ErrorCode::EngineFailed);
    assert!(error.message.contains("press Continue"), "{}", error.message);

    let more: SendAccepted = ada.go_on(sent.message_id).await.json(202);
    assert_eq!(ada.follow(&more).await.until_end(more.generation_id).await, foretold(QUESTION));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_waits_while_its_model_loads_again_and_can_be_stopped_meanwhile() {
    let slow = ScriptedModel { load_ms: 3_000, ..ScriptedModel::default() };
    let app = TestApp::builder().model("slow", slow).start().await;
    let ada = app.user().await;
    let sent = ada.say("endless pause:10").await;
    let mut reader = ada.follow(&sent).await;
    until_chunk(&mut reader, 2).await;
    assert_eq!(app.kill_workers(), 1);
    let mut models = app.state().engine.watch_models();
    let state = || app.state().engine.models().remove(0).state;
    while !matches!(state(), engine::ModelState::Loading { .. }) {
        models.changed().await.expect("the engine");
    }
    ada.stop(&sent).await.expect(202);
    let shown = reader.until_end(sent.generation_id).await;
    while matches!(state(), engine::ModelState::Loading { .. } | engine::ModelState::Draining) {
        models.changed().await.expect("the engine");
    }
    assert_eq!(state(), engine::ModelState::Unloaded, "the model was loaded for nobody");
    let message = kept(&ada, &sent).await;
    assert_eq!((message.status, message.content), (MessageStatus::Stopped, shown));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_waits_for_a_model_that_rests_after_the_deaths_of_others() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    for _ in 0..2 {
        let (_, answer) = ada.ask(&message("crash:1")).await;
        assert_eq!((answer.status, answer.content.as_str()), (MessageStatus::Failed, ""));
    }
    let (_, answer) = ada.ask(&message("tokens:5")).await;
    assert_eq!((answer.status, answer.content), (MessageStatus::Complete, foretold("tokens:5")));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_whose_model_is_gone_or_another_one_keeps_its_text_and_says_so() {
    for (replacement, told) in [(None, "is gone"), (Some(2_048), "was replaced")] {
        let other = ScriptedModel { context_tokens: 1_000, ..ScriptedModel::default() };
        let mut app =
            TestApp::builder().model("used", ScriptedModel::default()).model("zzz", other).start().await;
        let ada = app.user().await;
        let sent = ada.say("endless pause:10").await;
        let mut reader = ada.follow(&sent).await;
        until_chunk(&mut reader, 2).await;
        app.shut_down().await;
        let file = app.state().config.model_path.join("used.gguf");
        std::fs::remove_file(&file).expect("the model's file");
        if let Some(context_tokens) = replacement {
            let model = ScriptedModel { context_tokens, ..ScriptedModel::default() };
            model.write(&file).expect("another file");
        }
        let app = app.start_again().await;
        let ada = ada.at(&app);
        let shown = back(&ada, &sent, reader).await.until_end(sent.generation_id).await;
        let message = kept(&ada, &sent).await;
        assert_eq!((message.status, &message.content), (MessageStatus::Failed, &shown));
        let error = message.error.expect("an error");
        assert_eq!(error.code, ErrorCode::ModelUnavailable);
        assert!(error.message.contains(told), "{}", error.message);
        // Continuing meets the same obstacle, before anything is made.
        let refused = ada.go_on(sent.message_id).await.error(ErrorCode::Conflict);
        assert!(refused.message.contains(told), "{}", refused.message);
        assert_eq!(ada.messages(sent.conversation_id).await.len(), 2);
    }
}
