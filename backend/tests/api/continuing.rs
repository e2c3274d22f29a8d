//! Going on with an answer that ended too early: it goes on in a sibling that has its text from the beginning.

use engine::scripted::expected_answer;
use engine::{ChatMessage, ChatRole, SamplingOptions};
use shared::{ClientId, Continue, ErrorCode, FinishReason, MessageStatus, SendAccepted, StreamEvent, paths};

use crate::support::{TestApp, message, reply, short};

/// What the scripted model answers to a first message when nothing ends it.
fn foretold(question: &str, max_tokens: Option<u32>) -> String {
    let asks = [ChatMessage::new(ChatRole::User, question)];
    let sampling = SamplingOptions { temperature: Some(0.0), max_tokens, ..SamplingOptions::default() };
    expected_answer(&asks, &sampling.check().expect("sampling params"))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_reached_its_length_goes_on_as_often_as_it_is_asked_to() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let question = "tokens:20";
    let (first, answer) = ada.ask(&short(question, 8)).await;
    assert_eq!(answer.finish_reason, Some(FinishReason::Length));

    let mut last = first;
    for (tokens, reason) in [(16, FinishReason::Length), (20, FinishReason::Stop)] {
        let more: SendAccepted = ada.go_on(last.message_id).await.json(202);
        assert_eq!(more.user_message_id, first.user_message_id);
        let mut reader = ada.follow(&more).await;
        let shown = reader.until_end(more.generation_id).await;
        assert_eq!(shown, foretold(question, Some(tokens)));
        let message = ada.message(more.conversation_id, more.message_id).await;
        assert_eq!((message.content.as_str(), message.finish_reason), (shown.as_str(), Some(reason)));
        assert_eq!(
            (message.continues, message.parent_id),
            (Some(last.message_id), Some(first.user_message_id))
        );
        assert_eq!(message.usage.map(|usage| usage.completion_tokens), Some(tokens));
        last = more;
    }
    // What was gone on with stays as it ended, and the branch ends with the newest.
    assert_eq!(ada.message(first.conversation_id, first.message_id).await, answer);
    let conversation = ada.conversation(first.conversation_id).await;
    assert_eq!(conversation["active_leaf_id"], last.message_id.to_string());
    // What follows reads the whole answer, once.
    let (next, _) = ada.ask(&reply(first.conversation_id, "tokens:1")).await;
    let question = ada.message(next.conversation_id, next.user_message_id).await;
    assert_eq!(question.parent_id, Some(last.message_id));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_answer_goes_on_where_it_was_stopped() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let question = "tokens:60 pause:5";
    let sent = ada.say(question).await;
    let mut reader = ada.follow(&sent).await;
    reader.until(|event| matches!(event, StreamEvent::Delta { seq: 2, .. })).await;
    ada.go_on(sent.message_id).await.error(ErrorCode::Conflict);
    ada.stop(&sent).await.expect(202);
    let stopped = reader.until_end(sent.generation_id).await;

    let more: SendAccepted = ada.go_on(sent.message_id).await.json(202);
    let mut reader = ada.follow(&more).await;
    let first = reader.until(|event| matches!(event, StreamEvent::Delta { .. })).await;
    let StreamEvent::Delta { text, seq: 1, byte_offset: 0, .. } = first else { panic!("{first:?}") };
    assert_eq!(text, stopped);
    let whole = foretold(question, None);
    assert_eq!(reader.until_end(more.generation_id).await, whole);
    let message = ada.message(more.conversation_id, more.message_id).await;
    assert_eq!((message.status, message.content), (MessageStatus::Complete, whole));
}

#[tokio::test(flavor = "multi_thread")]
async fn repeating_it_gives_the_same_answer_and_asking_again_is_refused() {
    let app = TestApp::start().await;
    let (ada, bob) = (app.user().await, app.user().await);
    let (sent, _) = ada.ask(&short("tokens:9", 3)).await;
    let path = paths::message_continue(sent.message_id);
    let request = Continue { client_id: ClientId::new() };
    bob.post(&path, &request).await.error(ErrorCode::NotFound);
    let first: SendAccepted = ada.post(&path, &request).await.json(202);
    let again: SendAccepted = ada.post(&path, &request).await.json(202);
    assert_eq!(first, again);
    let error = ada.go_on(sent.message_id).await.error(ErrorCode::Conflict);
    assert!(error.message.contains("continued already"), "{}", error.message);
    assert_eq!(ada.messages(sent.conversation_id).await.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_go_on_says_why_and_what_to_do_instead() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let refused = async |id| ada.go_on(id).await.error(ErrorCode::Conflict).message;

    let (whole, _) = ada.ask(&message("tokens:3")).await;
    assert!(refused(whole.message_id).await.contains("is whole"));
    assert!(refused(whole.user_message_id).await.contains("Only an answer"));
    let (empty, _) = ada.ask(&message("refuse")).await;
    assert!(refused(empty.message_id).await.contains("Regenerate"));
    let (full, answer) = ada.ask(&message("endless")).await;
    assert_eq!(answer.finish_reason, Some(FinishReason::Length));
    let told = refused(full.message_id).await;
    assert!(told.contains("4096 tokens"), "{told}");

    let (old, _) = ada.ask(&short("tokens:9", 3)).await;
    let client = app.database.client().await;
    let delete = format!("DELETE FROM generation_chunks WHERE generation_id = '{}'", old.generation_id);
    client.batch_execute(&delete).await.expect("a journal that is gone");
    let told = refused(old.message_id).await;
    assert!(told.contains("two days"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_text_stands_there_while_an_answer_waits_to_go_on() {
    let app = TestApp::builder().set("SLOTS", "1").start().await;
    let ada = app.user().await;
    let question = "tokens:40 pause:5";
    let sent = ada.say(question).await;
    let mut reader = ada.follow(&sent).await;
    reader.until(|event| matches!(event, StreamEvent::Delta { seq: 2, .. })).await;
    ada.stop(&sent).await.expect(202);
    let stopped = reader.until_end(sent.generation_id).await;
    let busy = ada.say("endless pause:20").await;
    ada.follow(&busy).await.until(|event| matches!(event, StreamEvent::Delta { .. })).await;

    // An open page sees it at once, long before there is more.
    let more: SendAccepted = ada.go_on(sent.message_id).await.json(202);
    reader
        .until(|event| event.cursor().is_some_and(|cursor| cursor.generation_id == more.generation_id))
        .await;
    assert_eq!(reader.answers.get(more.generation_id).map(|answer| &answer.text), Some(&stopped));
    ada.stop(&busy).await.expect(202);
    assert_eq!(reader.until_end(more.generation_id).await, foretold(question, None));
}
