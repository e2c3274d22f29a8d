//! Siblings: edits and other answers, each in a branch of its own.

use engine::scripted::ScriptedModel;
use shared::{ClientId, ErrorCode, MessageStatus, Regenerate, SendAccepted, SendMessage, paths};

use crate::support::{TestApp, greedy, message, reply};

#[tokio::test(flavor = "multi_thread")]
async fn another_answer_stands_beside_the_first() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let (sent, first) = ada.ask(&message("hello")).await;
    // Of any age: the conversation has gone on meanwhile.
    let (later, _) = ada.ask(&reply(sent.conversation_id, "more")).await;

    let other: SendAccepted = ada.regenerate(sent.message_id, None).await.json(202);
    assert_eq!((other.conversation_id, other.user_message_id), (sent.conversation_id, sent.user_message_id));
    ada.follow(&other).await.until_end(other.generation_id).await;
    let second = ada.message(sent.conversation_id, other.message_id).await;
    assert_eq!(second.parent_id, first.parent_id);
    assert_eq!(second.content, first.content);
    assert_eq!(ada.messages(sent.conversation_id).await.len(), 5);
    let shown = ada.conversation(sent.conversation_id).await;
    assert_eq!(shown["active_leaf_id"], second.id.to_string());

    // The old branch is still there, and goes on where it was.
    let (_, third) = ada
        .ask(&SendMessage { parent_id: Some(later.message_id), ..reply(sent.conversation_id, "on") })
        .await;
    assert_eq!(third.status, MessageStatus::Complete);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_model_can_answer() {
    let app = TestApp::builder()
        .model("one", ScriptedModel::default())
        .model("two", ScriptedModel::default())
        .start()
        .await;
    let ada = app.user().await;
    let (sent, first) = ada.ask(&SendMessage { model: Some("one".to_owned()), ..message("hello") }).await;
    assert_eq!(first.model.as_deref(), Some("one"));
    let other: SendAccepted = ada.regenerate(sent.message_id, Some("two")).await.json(202);
    ada.follow(&other).await.until_end(other.generation_id).await;
    assert_eq!(ada.message(sent.conversation_id, other.message_id).await.model.as_deref(), Some("two"));
    // The conversation goes on with the model that was used last.
    let (_, next) = ada.ask(&reply(sent.conversation_id, "more")).await;
    assert_eq!(next.model.as_deref(), Some("two"));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_answer_is_given_once_for_one_client_id() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let (sent, _) = ada.ask(&message("hello")).await;
    let request = Regenerate { client_id: ClientId::new(), model: None, options: greedy() };
    let path = paths::message_regenerate(sent.message_id);
    let first: SendAccepted = ada.post(&path, &request).await.json(202);
    let again: SendAccepted = ada.post(&path, &request).await.json(202);
    assert_eq!(first, again);
    let other = Regenerate { model: Some("scripted".to_owned()), ..request };
    ada.post(&path, &other).await.error(ErrorCode::Conflict);
    assert_eq!(ada.messages(sent.conversation_id).await.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_being_written_must_end_first() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let sent = ada.say("endless pause:20").await;
    ada.regenerate(sent.message_id, None).await.error(ErrorCode::Conflict);
    ada.stop(&sent).await.expect(202);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edited_message_is_a_sibling() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let (first, _) = ada.ask(&message("one")).await;
    let (second, _) = ada.ask(&reply(first.conversation_id, "two")).await;
    let edited =
        SendMessage { parent_id: Some(first.message_id), ..reply(first.conversation_id, "two, better") };
    let (edited, _) = ada.ask(&edited).await;
    let restarted = SendMessage { from_start: true, ..reply(first.conversation_id, "one, better") };
    let (restarted, _) = ada.ask(&restarted).await;

    let parent_of = async |id| ada.message(first.conversation_id, id).await.parent_id;
    assert_eq!(parent_of(edited.user_message_id).await, parent_of(second.user_message_id).await);
    assert_eq!(parent_of(restarted.user_message_id).await, None);
    assert_eq!(ada.messages(first.conversation_id).await.len(), 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_follows_an_answer_of_its_own_conversation() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let (here, _) = ada.ask(&message("here")).await;
    let (there, _) = ada.ask(&message("there")).await;
    let follow = |parent| SendMessage { parent_id: Some(parent), ..reply(here.conversation_id, "next") };
    ada.post(paths::CHAT, &follow(there.message_id)).await.error(ErrorCode::NotFound);
    let error = ada.post(paths::CHAT, &follow(here.user_message_id)).await.error(ErrorCode::InvalidFields);
    assert_eq!(error.fields[0].field, "parent_id");
    let both = SendMessage { from_start: true, ..follow(here.message_id) };
    ada.post(paths::CHAT, &both).await.error(ErrorCode::InvalidFields);
    let homeless = SendMessage { conversation_id: None, ..follow(here.message_id) };
    ada.post(paths::CHAT, &homeless).await.error(ErrorCode::InvalidFields);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_without_text_does_not_disturb_what_follows() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let (sent, failed) = ada.ask(&message("refuse")).await;
    assert_eq!((failed.status, failed.content.as_str()), (MessageStatus::Failed, ""));
    let (_, next) = ada.ask(&reply(sent.conversation_id, "tokens:3 again")).await;
    // What the model reads ends with both messages in one, which still says "refuse".
    assert_eq!(next.status, MessageStatus::Failed);
    let from_start = SendMessage { from_start: true, ..reply(sent.conversation_id, "tokens:3 anew") };
    let (_, anew) = ada.ask(&from_start).await;
    assert_eq!(anew.status, MessageStatus::Complete);
}
