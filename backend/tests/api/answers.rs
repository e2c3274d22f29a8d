//! How answers end: by themselves, by a stop, by a fault. Always once, and always with the text so far.

use engine::scripted::ScriptedModel;
use futures_util::future::join_all;
use serde_json::json;
use sha2::{Digest, Sha256};
use shared::{
    ErrorCode, FinishReason, GenerationOptions, Message, MessageStatus, SendAccepted, SendMessage,
    StreamEvent, paths,
};
use store::{GenerationStatus, NewSend, Parent, SendOutcome};

use crate::support::{Actor, TestApp, message, reply};

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_keeps_the_text_so_far() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let sent = ada.say("endless pause:20").await;
    let mut reader = ada.follow(&sent).await;
    reader.until(|event| matches!(event, StreamEvent::Delta { seq: 2, .. })).await;
    ada.stop(&sent).await.expect(202);
    let shown = reader.until_end(sent.generation_id).await;

    let kept = ada.message(sent.conversation_id, sent.message_id).await;
    assert_eq!((kept.status, kept.finish_reason), (MessageStatus::Stopped, Some(FinishReason::Stopped)));
    assert!(!shown.is_empty());
    assert_eq!(kept.content, shown);
    // Once more changes nothing.
    ada.stop(&sent).await.expect(204);
    assert_eq!(ada.message(sent.conversation_id, sent.message_id).await, kept);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finished_answer_is_never_marked_as_stopped() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let (sent, answer) = ada.ask(&message("hello")).await;
    ada.stop(&sent).await.expect(204);
    assert_eq!(ada.message(sent.conversation_id, sent.message_id).await, answer);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_before_the_first_word_ends_an_answer_that_waits() {
    let app = TestApp::builder().set("SLOTS", "1").start().await;
    let ada = app.user().await;
    let busy = ada.say("endless pause:20").await;
    ada.follow(&busy).await.until(|event| matches!(event, StreamEvent::Delta { .. })).await;

    let waiting = ada.say("hello").await;
    let mut reader = ada.follow(&waiting).await;
    let queued = reader.until(|event| matches!(event, StreamEvent::Queued { .. })).await;
    assert!(matches!(queued, StreamEvent::Queued { place: 1, .. }), "{queued:?}");
    ada.stop(&waiting).await.expect(202);
    assert_eq!(reader.until_end(waiting.generation_id).await, "");
    let kept = ada.message(waiting.conversation_id, waiting.message_id).await;
    assert_eq!((kept.status, kept.content.as_str()), (MessageStatus::Stopped, ""));

    // The other answer was not disturbed.
    let other = ada.message(busy.conversation_id, busy.message_id).await;
    assert_eq!(other.status, MessageStatus::Streaming);
    ada.stop(&busy).await.expect(202);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_at_any_moment_ends_the_answer_once() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let sent: Vec<SendAccepted> = join_all((0..8).map(|_| ada.say("tokens:20"))).await;
    join_all(sent.iter().map(|sent| ada.stop(sent))).await;
    for sent in sent {
        let mut reader = ada.follow(&sent).await;
        let shown = reader.until_end(sent.generation_id).await;
        let kept = ada.message(sent.conversation_id, sent.message_id).await;
        assert!(matches!(kept.status, MessageStatus::Complete | MessageStatus::Stopped), "{kept:?}");
        assert_eq!(kept.content, shown);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_has_at_most_the_tokens_that_were_asked_for() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let options = GenerationOptions { max_tokens: Some(7), ..message("").options };
    let (_, answer) = ada.ask(&SendMessage { options, ..message("endless") }).await;
    assert_eq!(answer.finish_reason, Some(FinishReason::Length));
    assert_eq!(answer.usage.map(|usage| usage.completion_tokens), Some(7));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_whose_engine_dies_again_keeps_its_text_and_the_next_answer_works() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let sent = ada.say("tokens:40 pause:5 crash:30").await;
    let mut reader = ada.follow(&sent).await;
    let shown = reader.until_end(sent.generation_id).await;
    let kept = ada.message(sent.conversation_id, sent.message_id).await;
    assert_eq!((kept.status, &kept.content), (MessageStatus::Failed, &shown));
    assert!(!shown.is_empty());
    let error = kept.error.expect("an error");
    assert_eq!(error.code, ErrorCode::EngineFailed);
    assert!(error.message.contains("press Continue"), "{}", error.message);
    assert!(matches!(reader.seen.last(), Some(StreamEvent::Error { error: told, .. }) if *told == error));

    let from_start = SendMessage { from_start: true, ..reply(sent.conversation_id, "tokens:5") };
    let (_, next) = ada.ask(&from_start).await;
    assert_eq!(next.status, MessageStatus::Complete);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_cannot_be_loaded_says_why() {
    let broken =
        ScriptedModel { load_error: Some("the file is cut off".to_owned()), ..ScriptedModel::default() };
    let app = TestApp::builder().model("broken", broken).start().await;
    let ada = app.user().await;
    let (_, answer) = ada.ask(&message("hello")).await;
    let error = answer.error.expect("an error");
    assert_eq!(error.code, ErrorCode::ModelUnavailable);
    assert!(error.message.contains("the file is cut off"), "{}", error.message);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_loses_nothing_that_was_typed() {
    let app = TestApp::builder().set("SLOTS", "1").set("QUEUE_CAPACITY", "1").start().await;
    let ada = app.user().await;
    let busy = ada.say("endless pause:20").await;
    ada.follow(&busy).await.until(|event| matches!(event, StreamEvent::Delta { .. })).await;
    let waiting = ada.say("second").await;
    ada.follow(&waiting).await.until(|event| matches!(event, StreamEvent::Queued { .. })).await;

    let (refused, answer) = ada.ask(&message("third")).await;
    let error = answer.error.expect("an error");
    assert_eq!(error.code, ErrorCode::Overloaded);
    assert!(error.retry_after_s.is_some_and(|seconds| seconds > 0), "{error:?}");
    let question = ada.message(refused.conversation_id, refused.user_message_id).await;
    assert_eq!(question.content, "third");

    // There is room again: the same message is answered after all.
    for sent in [&waiting, &busy] {
        ada.stop(sent).await.expect(202);
        ada.follow(sent).await.until_end(sent.generation_id).await;
    }
    let again: SendAccepted = ada.regenerate(refused.message_id, None).await.json(202);
    ada.follow(&again).await.until_end(again.generation_id).await;
    assert_eq!(kept(&ada, &again).await.status, MessageStatus::Complete);
}

#[tokio::test(flavor = "multi_thread")]
async fn speeds_are_told_while_an_answer_is_written() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let sent = ada.say("tokens:150 pause:10").await;
    let mut reader = ada.follow(&sent).await;
    let event = reader.until(|event| matches!(event, StreamEvent::Usage { .. })).await;
    let StreamEvent::Usage { usage, .. } = event else { unreachable!("asked for") };
    assert!(
        usage.completion_tokens > 1 && usage.tokens_per_second > 0.0 && usage.context_tokens == 4096,
        "{usage:?}"
    );
    ada.stop(&sent).await.expect(202);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_message_whose_answer_never_began_begins_with_the_repeat() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let user = ada.account().id;
    // As after a server that lost the database's answer to its commit: kept, and nobody knows.
    let request = message("tokens:9");
    let new = NewSend {
        client_id: request.client_id,
        body_sha256: Sha256::digest(serde_json::to_vec(&request).expect("JSON")).into(),
        conversation_id: None,
        parent: Parent::ActiveLeaf,
        content: request.content.clone(),
        model: Some("scripted".to_owned()),
        request: json!({ "model": "scripted", "options": request.options }),
        owner: app.state().generations.owner(),
    };
    let SendOutcome::Began(sent) = app.state().store.begin_send(user, &new).await.expect("a send") else {
        panic!("nobody sent it before")
    };
    assert_eq!(ada.post(paths::CHAT, &request).await.json::<SendAccepted>(202), sent);
    ada.follow(&sent).await.until_end(sent.generation_id).await;
    let row = app.state().store.generation(user, sent.generation_id).await.expect("the generation");
    assert_eq!(row.status, GenerationStatus::Done);
}

async fn kept(actor: &Actor, sent: &SendAccepted) -> Message {
    actor.message(sent.conversation_id, sent.message_id).await
}
