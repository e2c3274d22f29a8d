//! Titles: made by the model after the first answer, beside the chat.

use serde_json::json;
use shared::{Conversation, StreamEvent, paths};

use crate::support::{Reader, TestApp, message, reply};

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_is_named_after_its_first_answer() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let mut news = Reader::open(&ada, paths::STREAM, None).await;
    let sent = ada.say("tokens:4 about the sea").await;
    let event = news.until(|event| matches!(event, StreamEvent::Title { .. })).await;
    let StreamEvent::Title { conversation_id, title } = event else { unreachable!("asked for") };
    assert_eq!(conversation_id, sent.conversation_id);
    assert!(!title.is_empty() && title.chars().count() <= 60 && !title.contains('\n'), "{title:?}");
    news.until(|event| *event == StreamEvent::List {}).await;
    assert_eq!(ada.conversation(conversation_id).await["title"], title);

    // One name is enough: the next answer changes nothing.
    ada.ask(&reply(conversation_id, "more")).await;
    assert_eq!(ada.conversation(conversation_id).await["title"], title);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_title_of_a_person_stays() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let made: Conversation = ada.post(paths::CONVERSATIONS, &json!({ "title": "mine" })).await.json(201);
    ada.ask(&reply(made.id, "tokens:4 hello")).await;
    // A second answer ends after whatever the first one began.
    ada.ask(&reply(made.id, "tokens:4 hello")).await;
    assert_eq!(ada.conversation(made.id).await["title"], "mine");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_answer_leaves_the_first_words_as_title() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let mut news = Reader::open(&ada, paths::STREAM, None).await;
    ada.ask(&message("crash:1 is what this says\nand more")).await;
    let event = news.until(|event| matches!(event, StreamEvent::Title { .. })).await;
    assert!(matches!(event, StreamEvent::Title { title, .. } if title == "crash:1 is what this says"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_title_never_delays_a_chat() {
    let app = TestApp::builder().set("SLOTS", "1").start().await;
    let ada = app.user().await;
    // The title's prompt says "endless" too: with one slot it would keep it.
    let sent = ada.say("tokens:3 endless pause:20").await;
    let mut reader = ada.follow(&sent).await;
    reader.until(|event| matches!(event, StreamEvent::Delta { .. })).await;
    ada.stop(&sent).await.expect(202);
    reader.until_end(sent.generation_id).await;
    let (_, next) = ada.ask(&reply(sent.conversation_id, "tokens:3")).await;
    assert_eq!(next.usage.map(|usage| usage.completion_tokens), Some(3));
}
