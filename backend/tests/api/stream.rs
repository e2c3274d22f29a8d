//! Streams: whoever reads, from wherever, at whatever pace, sees the same text and its end.

use std::pin::pin;

use backend::services::generation::live::{LiveEvent, Topic};
use backend::services::generation::reader::Reader as ServerReader;
use futures_util::future::{join, poll_immediate};
use reqwest::Method;
use shared::reducer::{Answers, Outcome};
use shared::{Cursor, ErrorCode, GenerationId, MessageStatus, StreamEvent, Usage, paths};

use crate::support::{Reader, TestApp, message, reply};

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_is_never_stored_nor_buffered_and_shows_that_it_lives() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let mut response = ada.request(Method::GET, paths::STREAM).send().await.expect("a stream");
    let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
    assert_eq!(header("content-type"), Some("text/event-stream"));
    assert_eq!(header("cache-control"), Some("no-store"));
    assert_eq!(header("x-accel-buffering"), Some("no"));
    let mut text = String::new();
    while !text.contains("\n: ") && !text.starts_with(": ") {
        let chunk = response.chunk().await.expect("the stream").expect("a heartbeat before the end");
        text.push_str(std::str::from_utf8(&chunk).expect("UTF-8"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_readers_see_the_same_and_it_is_what_is_kept() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let sent = ada.say("tokens:200 pause:1").await;
    let (mut one, mut two) = (ada.follow(&sent).await, ada.follow(&sent).await);
    let (one, two) = join(one.until_end(sent.generation_id), two.until_end(sent.generation_id)).await;
    assert_eq!(one, two);
    assert_eq!(ada.message(sent.conversation_id, sent.message_id).await.content, one);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_comes_back_anywhere_gets_exactly_the_rest() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let sent = ada.say("tokens:60 pause:8").await;
    let mut reader = ada.follow(&sent).await;
    let whole = reader.until_end(sent.generation_id).await;
    let deltas: Vec<StreamEvent> =
        reader.seen.iter().filter(|event| matches!(event, StreamEvent::Delta { .. })).cloned().collect();
    assert!(deltas.len() > 3, "{deltas:?}");

    for cut in 0..=deltas.len() {
        let mut answers = Answers::new();
        for delta in &deltas[..cut] {
            assert_eq!(answers.apply(delta), Outcome::Applied);
        }
        let mut later = ada.follow_after(&sent, u32::try_from(cut).unwrap()).await;
        later.answers = answers;
        assert_eq!(later.until_end(sent.generation_id).await, whole);
        let resent = later.seen.iter().filter(|event| matches!(event, StreamEvent::Delta { .. })).count();
        assert_eq!(resent, deltas.len() - cut);
        let StreamEvent::Message { message } =
            later.until(|event| matches!(event, StreamEvent::Message { .. })).await
        else {
            unreachable!("asked for")
        };
        assert_eq!(
            (message.id, message.content, message.status),
            (sent.message_id, whole.clone(), MessageStatus::Complete)
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_breaks_off_again_and_again_loses_nothing() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let sent = ada.say("tokens:120 pause:4").await;
    let mut answers = Answers::new();
    for round in 1..1000 {
        let seq = answers.get(sent.generation_id).map_or(0, |answer| answer.seq);
        let mut reader = ada.follow_after(&sent, seq).await;
        reader.answers = answers;
        let event = reader.until(|event| leaves_at(event, round) || is_end(event, sent.generation_id)).await;
        answers = reader.answers;
        if is_end(&event, sent.generation_id) {
            break;
        }
    }
    let kept = ada.message(sent.conversation_id, sent.message_id).await;
    assert_eq!(answers.get(sent.generation_id).expect("an answer").text, kept.content);
}

/// Now after the next chunk, now after some more.
fn leaves_at(event: &StreamEvent, round: u32) -> bool {
    matches!(event, StreamEvent::Delta { seq, .. } if seq % (1 + round % 4) == 0)
}

fn is_end(event: &StreamEvent, id: GenerationId) -> bool {
    matches!(event, StreamEvent::Done { generation_id, .. } if *generation_id == id)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_reader_sees_is_in_the_journal_already() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let sent = ada.say("tokens:80 pause:3").await;
    let mut reader = ada.follow(&sent).await;
    loop {
        let event = reader.next().await.expect("an end before the end of the stream");
        if let StreamEvent::Delta { seq, .. } = event {
            let kept =
                app.state().store.snapshot(ada.account().id, sent.generation_id).await.expect("a snapshot");
            let shown = &reader.answers.get(sent.generation_id).expect("an answer").text;
            assert!(kept.assembled.seq >= seq && kept.assembled.text.starts_with(shown));
        }
        if is_end(&event, sent.generation_id) {
            break;
        }
    }
    let kept = ada.message(sent.conversation_id, sent.message_id).await;
    assert_eq!(kept.status, MessageStatus::Complete);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_without_a_cursor_gets_the_text_so_far_and_goes_on() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let sent = ada.say("tokens:80 pause:4").await;
    let mut first = ada.follow(&sent).await;
    first.until(|event| matches!(event, StreamEvent::Delta { seq: 2, .. })).await;
    // As after a reload: the messages have the text so far, the stream begins with it.
    let running = ada.message(sent.conversation_id, sent.message_id).await;
    assert_eq!(running.status, MessageStatus::Streaming);
    assert!(!running.content.is_empty());
    let path = paths::stream_conversation(sent.conversation_id);
    let mut second = Reader::open(&ada, &path, None).await;
    let StreamEvent::Snapshot { text, seq, .. } = second.next().await.expect("an event") else {
        panic!("{:?}", second.seen)
    };
    assert!(seq >= 2 && text.starts_with(&running.content));
    assert_eq!(second.until_end(sent.generation_id).await, first.until_end(sent.generation_id).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_of_another_conversation_is_as_good_as_none() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let (elsewhere, _) = ada.ask(&message("elsewhere")).await;
    let sent = ada.say("endless pause:20").await;
    let path = paths::stream_conversation(sent.conversation_id);
    for generation_id in [elsewhere.generation_id, GenerationId::new()] {
        let cursor = Cursor { generation_id, epoch: 1, seq: 1 };
        let mut reader = Reader::open(&ada, &path, Some(cursor)).await;
        let first = reader.next().await.expect("an event");
        assert!(
            matches!(first, StreamEvent::Snapshot { generation_id, .. } if generation_id == sent.generation_id)
        );
    }
    ada.stop(&sent).await.expect(202);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_that_is_none_is_refused() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let (sent, _) = ada.ask(&message("hello")).await;
    let path = paths::stream_conversation(sent.conversation_id);
    let request = ada.request(Method::GET, &path).header("last-event-id", "17");
    crate::support::Answer::of(request).await.error(ErrorCode::InvalidFields);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_leaves_does_not_stop_the_answer() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let sent = ada.say("tokens:60 pause:3").await;
    let mut reader = ada.follow(&sent).await;
    reader.until(|event| matches!(event, StreamEvent::Delta { .. })).await;
    drop(reader);
    ada.follow(&sent).await.until_end(sent.generation_id).await;
    let kept = ada.message(sent.conversation_id, sent.message_id).await;
    assert_eq!(
        (kept.status, kept.usage.map(|usage| usage.completion_tokens)),
        (MessageStatus::Complete, Some(60))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_too_slow_for_the_hub_goes_to_the_journal() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let (opened, _) = ada.ask(&message("first")).await;
    let generations = &app.state().generations;
    let user = ada.account().id;
    let mut slow = ServerReader::open(generations.clone(), user, Some(opened.conversation_id), None)
        .await
        .expect("a stream");
    assert_eq!(slow.next().await, Some(StreamEvent::List {}));

    // A whole answer, and more news than the hub keeps for anybody, while it does not read.
    let (sent, kept) = ada.ask(&reply(opened.conversation_id, "tokens:100")).await;
    for _ in 0..1000 {
        let usage = StreamEvent::Usage { generation_id: opened.generation_id, usage: Usage::default() };
        generations.hub().publish(Topic::Conversation(sent.conversation_id), LiveEvent::Stream(usage));
    }
    // Nobody told it of the answer, and nothing runs any more; the next one it sees whole.
    let next = ada.say_in(sent.conversation_id, "tokens:400 pause:1").await;
    let mut answers = Answers::new();
    loop {
        let event = slow.next().await.expect("an end");
        assert_ne!(answers.apply(&event), Outcome::Gap, "{event:?}");
        if is_end(&event, next.generation_id) {
            break;
        }
    }
    let whole = ada.message(next.conversation_id, next.message_id).await;
    assert_eq!(answers.get(next.generation_id).expect("an answer").text, whole.content);
    assert_eq!(kept.status, MessageStatus::Complete);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_reader_of_a_running_answer_misses_nothing() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let sent = ada.say("tokens:100 pause:2").await;
    let generations = &app.state().generations;
    let topic = Topic::Conversation(sent.conversation_id);
    let user = ada.account().id;
    let mut slow = ServerReader::open(generations.clone(), user, Some(sent.conversation_id), None)
        .await
        .expect("a stream");
    let mut answers = Answers::new();
    let mut deltas = 0;
    loop {
        let event = slow.next().await.expect("an end");
        assert_ne!(answers.apply(&event), Outcome::Gap, "{event:?}");
        deltas += u32::from(matches!(event, StreamEvent::Delta { .. }));
        if deltas == 2 {
            for _ in 0..1000 {
                let usage = StreamEvent::Usage { generation_id: sent.generation_id, usage: Usage::default() };
                generations.hub().publish(topic, LiveEvent::Stream(usage));
            }
        }
        if is_end(&event, sent.generation_id) {
            break;
        }
    }
    let kept = ada.message(sent.conversation_id, sent.message_id).await;
    assert_eq!(answers.get(sent.generation_id).expect("an answer").text, kept.content);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_tells_every_stream_to_come_back() {
    let mut app = TestApp::start().await;
    let ada = app.user().await;
    let sent = ada.say("endless pause:20").await;
    let mut with_answer = ada.follow(&sent).await;
    let mut without = Reader::open(&ada, paths::STREAM, None).await;
    with_answer.until(|event| matches!(event, StreamEvent::Delta { .. })).await;
    let reading = async {
        for reader in [&mut with_answer, &mut without] {
            reader.until(|event| matches!(event, StreamEvent::Reconnect { .. })).await;
            assert_eq!(reader.next().await, None);
        }
    };
    join(app.shut_down(), reading).await;

    // What was shown is in the journal; the answer waits for whoever runs it next.
    let store = app.database.store();
    let kept = store.snapshot(ada.account().id, sent.generation_id).await.expect("a snapshot");
    let shown = &with_answer.answers.get(sent.generation_id).expect("an answer").text;
    assert!(kept.generation.status.is_unfinished());
    assert!(kept.assembled.text.starts_with(shown));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_out_ends_the_streams_of_its_session_and_no_others() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let eve = app.user().await;
    let mut ended = Reader::open(&ada, paths::STREAM, None).await;
    let mut stays = Reader::open(&eve, paths::STREAM, None).await;
    ada.post_empty(paths::AUTH_LOGOUT).await.expect(204);
    while ended.next().await.is_some() {}
    eve.post(paths::CONVERSATIONS, &serde_json::json!({})).await.expect(201);
    stays.until(|event| *event == StreamEvent::List {}).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_is_told_when_a_model_is_loaded() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let mut reader = Reader::open(&ada, paths::STREAM, None).await;
    ada.say("hello").await;
    reader.until(|event| *event == StreamEvent::Models {}).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_device_sees_a_new_message_and_its_answer() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let (first, _) = ada.ask(&message("hello")).await;
    let path = paths::stream_conversation(first.conversation_id);
    let mut other_device = Reader::open(&ada, &path, None).await;
    let sent = ada.say_in(first.conversation_id, "tokens:20 pause:2").await;
    other_device
        .until(
            |event| matches!(event, StreamEvent::Message { message } if message.id == sent.user_message_id),
        )
        .await;
    let shown = other_device.until_end(sent.generation_id).await;
    assert_eq!(shown, ada.message(sent.conversation_id, sent.message_id).await.content);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sent_when_nothing_happens() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let generations = app.state().generations.clone();
    let mut reader = ServerReader::open(generations, ada.account().id, None, None).await.expect("a stream");
    assert_eq!(reader.next().await, Some(StreamEvent::List {}));
    assert_eq!(poll_immediate(pin!(reader.next())).await, None);
}
