//! Conversations: the list, names, deleting and its undoing.

use serde_json::json;
use shared::page::Page;
use shared::{
    Conversation, ConversationId, ConversationSummary, ErrorCode, MessageStatus, StreamEvent, limits, paths,
};

use crate::support::{Reader, TestApp, message};

#[tokio::test(flavor = "multi_thread")]
async fn the_list_is_read_page_by_page_last_written_to_first() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let mut made = Vec::new();
    for number in 0..5 {
        let title = json!({ "title": format!("number {number}") });
        let conversation: Conversation = ada.post(paths::CONVERSATIONS, &title).await.json(201);
        made.insert(0, conversation.id);
    }
    let mut read: Vec<ConversationId> = Vec::new();
    let mut path = format!("{}?limit=2", paths::CONVERSATIONS);
    loop {
        let page: Page<ConversationSummary> = ada.get(&path).await.json(200);
        read.extend(page.items.iter().map(|row| row.id));
        let Some(cursor) = page.next_cursor else { break };
        path = format!("{}?limit=2&cursor={cursor}", paths::CONVERSATIONS);
    }
    assert_eq!(read, made);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_has_bounds_and_a_cursor_is_ours() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    for query in ["limit=0", "limit=100000", "cursor=nonsense", "limit=x", "what=ever"] {
        ada.get(&format!("{}?{query}", paths::CONVERSATIONS)).await.error(ErrorCode::InvalidFields);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_title_has_bounds_and_becomes_one_line() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let made: Conversation = ada.post(paths::CONVERSATIONS, &json!({})).await.json(201);
    let path = paths::conversation(made.id);
    let renamed: Conversation = ada.patch(&path, &json!({ "title": " two\nlines " })).await.json(200);
    assert_eq!(renamed.title, "two lines");
    let error = ada.patch(&path, &json!({ "title": "x".repeat(201) })).await.error(ErrorCode::InvalidFields);
    assert!(error.message.contains(&limits::TITLE_MAX_CHARS.to_string()), "{}", error.message);
    ada.patch(&path, &json!({ "title": "" })).await.error(ErrorCode::InvalidFields);
    ada.patch(&path, &json!({ "model": "none" })).await.error(ErrorCode::UnknownModel);
    ada.patch(&path, &json!({ "colour": "red" })).await.error(ErrorCode::InvalidBody);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_conversation_can_be_restored() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let (sent, answer) = ada.ask(&message("keep me")).await;
    let path = paths::conversation(sent.conversation_id);
    ada.delete(&path).await.expect(204);
    ada.get(&path).await.error(ErrorCode::NotFound);
    ada.delete(&path).await.error(ErrorCode::NotFound);
    let page: Page<ConversationSummary> = ada.get(paths::CONVERSATIONS).await.json(200);
    assert_eq!(page.items, []);

    ada.post_empty(&paths::conversation_restore(sent.conversation_id)).await.expect(200);
    assert_eq!(ada.message(sent.conversation_id, sent.message_id).await.content, answer.content);
}

#[tokio::test(flavor = "multi_thread")]
async fn deleting_a_conversation_stops_its_answer() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let sent = ada.say("endless pause:20").await;
    let mut reader = ada.follow(&sent).await;
    reader.until(|event| matches!(event, StreamEvent::Delta { .. })).await;
    ada.delete(&paths::conversation(sent.conversation_id)).await.expect(204);
    let shown = reader.until_end(sent.generation_id).await;

    ada.post_empty(&paths::conversation_restore(sent.conversation_id)).await.expect(200);
    let kept = ada.message(sent.conversation_id, sent.message_id).await;
    assert_eq!((kept.status, kept.content), (MessageStatus::Stopped, shown));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_device_hears_of_every_change() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let mut other_device = Reader::open(&ada, paths::STREAM, None).await;
    let list = |event: &StreamEvent| *event == StreamEvent::List {};
    other_device.until(list).await;

    let made: Conversation = ada.post(paths::CONVERSATIONS, &json!({})).await.json(201);
    other_device.until(list).await;
    let id = made.id;
    ada.patch(&paths::conversation(id), &json!({ "title": "named" })).await.expect(200);
    let titled = StreamEvent::Title { conversation_id: id, title: "named".to_owned() };
    other_device.until(|event| *event == titled).await;
    other_device.until(list).await;
    ada.delete(&paths::conversation(id)).await.expect(204);
    other_device.until(list).await;
    ada.post_empty(&paths::conversation_restore(id)).await.expect(200);
    other_device.until(list).await;
}
