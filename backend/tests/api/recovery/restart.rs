//! A server that was ended and started again takes up what it left.

use engine::SamplingOptions;
use engine::scripted::{ScriptedModel, expected_answer};
use shared::{GenerationOptions, MessageStatus, SendMessage, StreamEvent};
use store::GenerationStatus;

use super::left::Left;
use super::{QUESTION, asks, back, errors, foretold, kept, until_chunk};
use crate::support::{TestApp, message};

#[tokio::test(flavor = "multi_thread")]
async fn after_a_restart_the_answer_goes_on_where_it_was() {
    let mut app = TestApp::start().await;
    let ada = app.user().await;
    let sent = ada.say(QUESTION).await;
    let mut reader = ada.follow(&sent).await;
    until_chunk(&mut reader, 3).await;
    app.shut_down().await;

    let app = app.start_again().await;
    let ada = ada.at(&app);
    let mut reader = back(&ada, &sent, reader).await;
    let shown = reader.until_end(sent.generation_id).await;
    let message = kept(&ada, &sent).await;
    assert_eq!((message.status, message.content.as_str()), (MessageStatus::Complete, shown.as_str()));
    assert_eq!(shown, foretold(QUESTION));
    let usage = message.usage.expect("its usage");
    assert_eq!((usage.completion_tokens, usage.context_tokens), (80, 4096));
    assert!(usage.prompt_tokens > 0 && usage.tokens_per_second > 0.0, "{usage:?}");
    let row = app.state().store.generation(ada.account().id, sent.generation_id).await.expect("a row");
    assert_eq!((row.status, row.epoch, row.engine_deaths), (GenerationStatus::Done, 2, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drawn_answer_goes_on_as_it_would_have() {
    let mut app = TestApp::start().await;
    let ada = app.user().await;
    let options = GenerationOptions { seed: Some(42), ..GenerationOptions::default() };
    let sent = ada.send(&SendMessage { options, ..message(QUESTION) }).await;
    let mut reader = ada.follow(&sent).await;
    until_chunk(&mut reader, 3).await;
    app.shut_down().await;
    let app = app.start_again().await;
    let ada = ada.at(&app);
    let shown = back(&ada, &sent, reader).await.until_end(sent.generation_id).await;
    let drawn = SamplingOptions { seed: Some(42), ..SamplingOptions::default() };
    assert_eq!(shown, expected_answer(&asks(QUESTION), &drawn.check().expect("sampling params")));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_stopped_while_it_is_being_taken_up_again() {
    let slow = ScriptedModel { load_ms: 3_000, ..ScriptedModel::default() };
    let mut app = TestApp::builder().model("slow", slow).start().await;
    let ada = app.user().await;
    let (with_text, without) = (ada.say("endless pause:10").await, ada.say("endless pause:10").await);
    until_chunk(&mut ada.follow(&with_text).await, 2).await;
    app.shut_down().await;
    let app = app.start_again().await;
    let ada = ada.at(&app);
    for sent in [with_text, without] {
        ada.stop(&sent).await.expect(202);
        ada.follow(&sent).await.until_end(sent.generation_id).await;
        assert_eq!(kept(&ada, &sent).await.status, MessageStatus::Stopped);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn more_answers_than_the_engine_takes_wait_for_their_turn_after_a_restart() {
    let mut app = TestApp::builder().set("SLOTS", "1").set("QUEUE_CAPACITY", "1").start().await;
    let ada = app.user().await;
    let mut left = Vec::new();
    for _ in 0..5 {
        left.push(Left::of("tokens:5").write(&app, ada.account().id).await);
    }
    app.shut_down().await;
    let app = app.start_again().await;
    let ada = ada.at(&app);
    for sent in left {
        assert_eq!(ada.follow(&sent).await.until_end(sent.generation_id).await, foretold("tokens:5"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_was_kept_and_not_begun_begins_by_itself() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    // As after the database's answer to the commit was lost.
    let sent = Left::of("tokens:5").write(&app, ada.account().id).await;
    assert_eq!(ada.follow(&sent).await.until_end(sent.generation_id).await, foretold("tokens:5"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_whose_answer_was_claimed_once_more_leaves_it_to_the_new_one() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let sent = ada.say(QUESTION).await;
    let mut reader = ada.follow(&sent).await;
    until_chunk(&mut reader, 3).await;
    // As after a long freeze, in which another server had it and died.
    let (store, generations) = (&app.state().store, &app.state().generations);
    let ids = [sent.generation_id];
    let rows = store.claim_forgotten_generations(generations.owner(), &ids).await.expect("a claim");
    assert_eq!(rows.len(), 1);
    rows.into_iter().for_each(|row| generations.resume(row));
    assert_eq!(reader.until_end(sent.generation_id).await, foretold(QUESTION));
    assert!(errors(&reader).is_empty());
    assert!(reader.seen.iter().any(|event| matches!(event, StreamEvent::Delta { epoch: 2, .. })));
    let row = store.generation(ada.account().id, sent.generation_id).await.expect("a row");
    assert_eq!((row.status, row.epoch), (GenerationStatus::Done, 2));
}
