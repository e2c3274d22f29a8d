//! Sending: a message is taken once, kept whole and answered.

use engine::scripted::expected_answer;
use engine::{ChatMessage, ChatRole, SamplingOptions};
use futures_util::future::join_all;
use shared::{
    ContextPolicy, ErrorCode, FinishReason, GenerationOptions, MessageId, MessageStatus, SendAccepted,
    SendMessage, limits, paths,
};

use crate::support::{TestApp, message, reply};

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_answered_and_both_are_kept() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let sent = ada.say("tokens:40 please").await;
    let shown = ada.follow(&sent).await.until_end(sent.generation_id).await;

    let messages = ada.messages(sent.conversation_id).await;
    let [answer, question] = messages.as_slice() else { panic!("two messages, not {messages:?}") };
    assert_eq!((question.id, question.content.as_str()), (sent.user_message_id, "tokens:40 please"));
    assert_eq!((answer.id, answer.parent_id), (sent.message_id, Some(question.id)));
    assert_eq!((answer.status, answer.finish_reason), (MessageStatus::Complete, Some(FinishReason::Stop)));
    assert_eq!(answer.content, shown);
    assert_eq!(answer.content, foretold(&[(ChatRole::User, "tokens:40 please")]));
    assert_eq!(answer.model.as_deref(), Some("scripted"));
    let usage = answer.usage.expect("usage");
    assert_eq!((usage.completion_tokens, usage.context_tokens), (40, 4096));
    assert!(usage.prompt_tokens > 10);
    assert!(usage.first_token_ms > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_model_reads_the_whole_branch() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let (first, first_answer) = ada.ask(&message("one")).await;
    let (_, second_answer) = ada.ask(&reply(first.conversation_id, "two")).await;
    let branch = [
        (ChatRole::User, "one"),
        (ChatRole::Assistant, first_answer.content.as_str()),
        (ChatRole::User, "two"),
    ];
    assert_eq!(second_answer.content, foretold(&branch));
}

#[tokio::test(flavor = "multi_thread")]
async fn code_is_taken_out_of_an_answer() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let (_, answer) = ada.ask(&message("echo:Look:\n```rust\nfn main() {}\n```\n")).await;
    assert_eq!(answer.code_blocks.len(), 1);
    assert_eq!(answer.code_blocks[0].content, "fn main() {}\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_sent_many_times_at_once_is_taken_once() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let message = message("tokens:30");
    let answers = join_all((0..8).map(|_| ada.post(paths::CHAT, &message))).await;
    let ids: Vec<SendAccepted> = answers.iter().map(|answer| answer.json(202)).collect();
    assert!(ids.iter().all(|other| *other == ids[0]), "{ids:?}");
    let shown = ada.follow(&ids[0]).await.until_end(ids[0].generation_id).await;

    assert_eq!(ada.send(&message).await, ids[0]);
    let messages = ada.messages(ids[0].conversation_id).await;
    assert_eq!(messages.len(), 2);
    assert_eq!(messages[0].content, shown);
    assert_eq!(shown, foretold(&[(ChatRole::User, "tokens:30")]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_id_with_another_body_is_a_conflict() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let first = message("one");
    let (sent, _) = ada.ask(&first).await;
    let second = SendMessage { content: "two".to_owned(), ..first };
    ada.post(paths::CHAT, &second).await.error(ErrorCode::Conflict);
    assert_eq!(ada.messages(sent.conversation_id).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_cannot_follow_an_answer_that_is_being_written() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let sent = ada.say("endless pause:20").await;
    let next = reply(sent.conversation_id, "next");
    let error = ada.post(paths::CHAT, &next).await.error(ErrorCode::Conflict);
    assert!(error.message.contains("stop it"), "{}", error.message);

    let mut reader = ada.follow(&sent).await;
    ada.stop(&sent).await.expect(202);
    reader.until_end(sent.generation_id).await;
    ada.send(&next).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn options_out_of_bounds_are_all_named() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let options = GenerationOptions {
        temperature: Some(9.0),
        top_p: Some(0.0),
        max_tokens: Some(0),
        stop: vec!["x".to_owned(); limits::STOP_MAX_COUNT + 1],
        ..GenerationOptions::default()
    };
    let request = SendMessage { options, ..message("hello") };
    let error = ada.post(paths::CHAT, &request).await.error(ErrorCode::InvalidFields);
    let fields: Vec<&str> = error.fields.iter().map(|field| field.field.as_str()).collect();
    for field in ["options.temperature", "options.top_p", "options.max_tokens", "options.stop"] {
        assert!(fields.contains(&field), "{field} in {fields:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_model_names_those_that_there_are() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let request = SendMessage { model: Some("gpt-9".to_owned()), ..message("hello") };
    let error = ada.post(paths::CHAT, &request).await.error(ErrorCode::UnknownModel);
    assert!(error.message.contains("gpt-9") && error.message.contains("scripted"), "{}", error.message);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_is_empty_or_too_long_is_refused_with_the_number() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    ada.post(paths::CHAT, &message(" \n")).await.error(ErrorCode::InvalidFields);
    let long = message(&"é".repeat(limits::MESSAGE_MAX_BYTES / 2 + 1));
    let error = ada.post(paths::CHAT, &long).await.error(ErrorCode::InvalidFields);
    assert!(error.message.contains(&limits::MESSAGE_MAX_BYTES.to_string()), "{}", error.message);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_with_every_character_is_kept_as_far_as_it_can_be() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let (_, answer) = ada.ask(&message("echo:a\u{0}b\u{7f}\u{202e}\u{1f600}\r\n")).await;
    assert_eq!(answer.status, MessageStatus::Complete);
    assert!(answer.content.contains("\u{1f600}"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_somebody_elses_does_not_exist() {
    let app = TestApp::start().await;
    let (ada, eve) = (app.user().await, app.user().await);
    let (sent, _) = ada.ask(&message("secret")).await;
    let conversation = sent.conversation_id;

    eve.get(&paths::conversation(conversation)).await.error(ErrorCode::NotFound);
    eve.get(&paths::conversation_messages(conversation)).await.error(ErrorCode::NotFound);
    eve.get(&paths::stream_conversation(conversation)).await.error(ErrorCode::NotFound);
    eve.delete(&paths::conversation(conversation)).await.error(ErrorCode::NotFound);
    eve.post_empty(&paths::conversation_restore(conversation)).await.error(ErrorCode::NotFound);
    eve.stop(&sent).await.error(ErrorCode::NotFound);
    eve.regenerate(sent.message_id, None).await.error(ErrorCode::NotFound);
    eve.post(paths::CHAT, &reply(conversation, "hello")).await.error(ErrorCode::NotFound);
    let (own, _) = eve.ask(&message("mine")).await;
    let foreign =
        SendMessage { parent_id: Some(sent.message_id), ..reply(own.conversation_id, "steal its context") };
    eve.post(paths::CHAT, &foreign).await.error(ErrorCode::NotFound);
    assert_eq!(ada.messages(conversation).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_that_is_too_long_says_what_would_have_to_go() {
    let app = TestApp::builder().set("CONTEXT_TOKENS", "1024").start().await;
    let ada = app.user().await;
    let turn = format!("tokens:5 {}", "x".repeat(280));
    let (first, _) = ada.ask(&message(&turn)).await;
    let (second, _) = ada.ask(&reply(first.conversation_id, &turn)).await;
    let third = reply(first.conversation_id, &turn);
    let (sent, refused) = ada.ask(&third).await;

    assert_eq!(refused.status, MessageStatus::Failed);
    let error = refused.error.expect("an error");
    assert_eq!(error.code, ErrorCode::ContextLengthExceeded);
    let context = error.context.expect("the numbers");
    assert!(context.prompt_tokens + 256 > 1024, "{context:?}");
    assert_eq!(context.context_tokens, 1024);
    assert_eq!(context.omit_message_ids, [first.user_message_id, first.message_id]);
    assert!(error.message.contains("1024"), "{}", error.message);

    // The page goes on as the error says.
    let options = GenerationOptions { context_policy: ContextPolicy::OmitOldest, ..third.options };
    let again = shared::Regenerate { client_id: shared::ClientId::new(), model: None, options };
    let again: SendAccepted = ada.post(&paths::message_regenerate(sent.message_id), &again).await.json(202);
    ada.follow(&again).await.until_end(again.generation_id).await;
    let answer = ada.message(again.conversation_id, again.message_id).await;
    assert_eq!(answer.status, MessageStatus::Complete);
    assert_eq!(answer.omitted_message_ids, [first.user_message_id, first.message_id]);
    let kept = ada.message(second.conversation_id, second.message_id).await;
    let branch =
        [(ChatRole::User, turn.as_str()), (ChatRole::Assistant, &kept.content), (ChatRole::User, &turn)];
    assert_eq!(answer.content, foretold(&branch));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_single_message_that_is_too_long_leaves_nothing_to_omit() {
    let app = TestApp::builder().set("CONTEXT_TOKENS", "512").start().await;
    let ada = app.user().await;
    let options = GenerationOptions { context_policy: ContextPolicy::OmitOldest, ..message("").options };
    let (_, answer) = ada.ask(&SendMessage { options, ..message(&"x".repeat(600)) }).await;
    let error = answer.error.expect("an error");
    assert_eq!(error.code, ErrorCode::ContextLengthExceeded);
    assert_eq!(error.context.expect("the numbers").omit_message_ids, Vec::<MessageId>::new());
    assert!(error.message.contains("shorten"), "{}", error.message);
}

/// What the scripted model answers to these messages.
pub fn foretold(messages: &[(ChatRole, &str)]) -> String {
    let messages: Vec<ChatMessage> =
        messages.iter().map(|(role, text)| ChatMessage::new(*role, *text)).collect();
    let sampling = SamplingOptions { temperature: Some(0.0), ..SamplingOptions::default() };
    expected_answer(&messages, &sampling.check().expect("sampling params"))
}
