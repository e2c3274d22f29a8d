//! Several servers on one database: whatever runs on one is seen on the others as if it ran there.

use std::time::Duration;

use backend::services::generation::Generations;
use backend::services::generation::live::Topic;
use backend::services::generation::reader::Reader as ServerReader;
use futures_util::StreamExt;
use futures_util::future::join;
use futures_util::stream::poll_fn;
use serde_json::json;
use shared::reducer::{Answers, Outcome};
use shared::{
    ConversationId, FinishReason, GenerationId, MessageStatus, SendAccepted, StreamEvent, UserId, paths,
};
use store::ReplicaId;
use tokio::runtime::Handle;
use tokio_postgres::AsyncMessage;
use uuid::Uuid;

use crate::support::{Actor, Reader, TestApp, message};

/// Far longer than anything that is waited for.
const PATIENCE: Duration = Duration::from_secs(20);

/// The part of another replica that serves streams. It follows hints alone, so that what it shows came by one.
async fn hinted(app: &TestApp) -> Generations {
    let state = app.state();
    let id = ReplicaId::new();
    state.store.register_replica(id, Uuid::now_v7()).await.expect("a lease");
    let lives = format!("UPDATE replicas SET lease_until = now() + interval '1 hour' WHERE id = '{id}'");
    app.database.client().await.batch_execute(&lives).await.expect("a lease without heartbeats");
    let other = Generations::start_polling(
        state.store.clone(),
        state.engine.clone(),
        state.generations.traces().clone(),
        id,
        Handle::current(),
        None,
    );
    until_it_is_told(&state.generations, &other).await;
    other
}

/// What is hinted before the one has found the other in a heartbeat, and the other listens, is lost.
async fn until_it_is_told(speaker: &Generations, listener: &Generations) {
    let nobody = UserId::new();
    let mut ear = listener.hub().subscribe(Topic::User(nobody));
    let mut again = tokio::time::interval(Duration::from_millis(10));
    // Whoever begins to listen tells everybody by himself, once.
    let mut heard = 0;
    while heard < 2 {
        tokio::select! {
            _ = ear.next() => heard += 1,
            _ = again.tick() => speaker.hints().list_changed(nobody),
        }
    }
}

/// A stream of another replica and what a page makes of it.
struct Reading {
    reader: ServerReader,
    answers: Answers,
}

impl Reading {
    /// Opens a conversation of somebody there.
    async fn of(server: Generations, person: &Actor, conversation: ConversationId) -> Self {
        let open = ServerReader::open(server, person.account().id, Some(conversation), None);
        Self { reader: open.await.expect("a stream"), answers: Answers::new() }
    }

    async fn next(&mut self) -> StreamEvent {
        let event = tokio::time::timeout(PATIENCE, self.reader.next()).await;
        let event = event.expect("an event in time").expect("a stream that goes on");
        assert_ne!(self.answers.apply(&event), Outcome::Gap, "{event:?}");
        event
    }

    /// Reads until an event fits.
    async fn until(&mut self, fits: impl Fn(&StreamEvent) -> bool) -> StreamEvent {
        loop {
            let event = self.next().await;
            if fits(&event) {
                return event;
            }
        }
    }

    fn text(&self, id: GenerationId) -> &str {
        &self.answers.get(id).expect("an answer").text
    }
}

fn is_delta_after(event: &StreamEvent, after: u32) -> bool {
    matches!(event, StreamEvent::Delta { seq, .. } if *seq > after)
}

fn is_done(event: &StreamEvent, id: GenerationId) -> bool {
    matches!(event, StreamEvent::Done { generation_id, .. } if *generation_id == id)
}

#[tokio::test(flavor = "multi_thread")]
async fn hints_alone_carry_an_answer_and_its_end_to_another_replica() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let other = hinted(&app).await;
    let sent = ada.say("endless pause:5").await;
    let mut reading = Reading::of(other, &ada, sent.conversation_id).await;
    // It has no end yet: what comes, comes while it is written.
    reading.until(|event| is_delta_after(event, 10)).await;
    ada.stop(&sent).await.expect(202);
    reading.until(|event| is_done(event, sent.generation_id)).await;
    let StreamEvent::Message { message } = reading.next().await else { panic!("no message") };
    assert_eq!(reading.text(sent.generation_id), message.content);
    assert_eq!(message.status, MessageStatus::Stopped);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_the_same_on_all_replicas() {
    let app = TestApp::start().await;
    let (second, third) = (app.replica().await, app.replica().await);
    let ada = app.user().await;
    let sent = ada.say("tokens:150 pause:2").await;
    let mut readers = [ada.clone(), ada.at(&second), ada.at(&third)];
    let mut shown = Vec::new();
    for ada in &mut readers {
        shown.push(ada.follow(&sent).await);
    }
    let mut texts = Vec::new();
    for reader in &mut shown {
        texts.push(reader.until_end(sent.generation_id).await);
    }
    let kept = ada.message(sent.conversation_id, sent.message_id).await;
    assert!(texts.iter().all(|text| *text == kept.content));
    assert_eq!(kept.status, MessageStatus::Complete);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_of_which_no_hint_comes_is_seen_all_the_same() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let state = app.state();
    // Nobody knows of this one, so nobody sends it hints.
    let deaf = Generations::start(
        state.store.clone(),
        state.engine.clone(),
        state.generations.traces().clone(),
        ReplicaId::new(),
        Handle::current(),
    );
    let sent = ada.say("endless pause:20").await;
    let mut reading = Reading::of(deaf, &ada, sent.conversation_id).await;
    reading.until(|event| is_delta_after(event, 20)).await;
    ada.stop(&sent).await.expect(202);
    reading.until(|event| is_done(event, sent.generation_id)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_is_stopped_from_another_replica() {
    let app = TestApp::start().await;
    let other = app.replica().await;
    let ada = app.user().await;
    let sent = ada.say("endless pause:5").await;
    let elsewhere = ada.at(&other);
    let mut reader = elsewhere.follow(&sent).await;
    reader.until(|event| matches!(event, StreamEvent::Delta { .. })).await;
    elsewhere.stop(&sent).await.expect(202);
    let end = reader.until(|event| is_done(event, sent.generation_id)).await;
    assert!(matches!(end, StreamEvent::Done { finish_reason: FinishReason::Stopped, .. }));
    elsewhere.stop(&sent).await.expect(204);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_that_no_hint_carried_is_found() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let sent = ada.say("endless pause:5").await;
    let mut reader = ada.follow(&sent).await;
    reader.until(|event| matches!(event, StreamEvent::Delta { .. })).await;
    let store = app.database.store();
    store.request_stop(ada.account().id, sent.generation_id).await.expect("a stop");
    reader.until(|event| is_done(event, sent.generation_id)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_done_on_one_replica_is_news_on_another() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let (sent, _) = ada.ask(&message("hello")).await;
    let other = hinted(&app).await;
    let mut reading = Reading::of(other, &ada, sent.conversation_id).await;

    ada.patch(&paths::conversation(sent.conversation_id), &json!({ "title": "Ducks" })).await.expect(200);
    let titled = |event: &StreamEvent| matches!(event, StreamEvent::Title { title, .. } if title == "Ducks");
    reading.until(titled).await;

    let next = ada.say_in(sent.conversation_id, "tokens:30 pause:2").await;
    // In any order: an answer may be faster than the news of its place.
    let mut seen = Vec::new();
    let told = |seen: &[StreamEvent], id| {
        seen.iter().any(|event| matches!(event, StreamEvent::Message { message } if message.id == id))
    };
    let ended = |seen: &[StreamEvent], id| seen.iter().any(|event| is_done(event, id));
    while !(told(&seen, next.user_message_id)
        && told(&seen, next.message_id)
        && ended(&seen, next.generation_id))
    {
        seen.push(reading.next().await);
    }
    let kept = ada.message(next.conversation_id, next.message_id).await;
    assert_eq!(reading.text(next.generation_id), kept.content);

    let again: SendAccepted = ada.regenerate(next.message_id, None).await.json(202);
    while !(told(&seen, again.message_id) && ended(&seen, again.generation_id)) {
        seen.push(reading.next().await);
    }

    ada.delete(&paths::conversation(sent.conversation_id)).await.expect(204);
    reading.until(|event| *event == StreamEvent::List {}).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn before_its_first_word_another_replica_tells_what_an_answer_waits_for() {
    let app = TestApp::builder().set("SLOTS", "1").start().await;
    let ada = app.user().await;
    let other = hinted(&app).await;
    let first = ada.say("endless pause:5").await;
    ada.follow(&first).await.until(|event| matches!(event, StreamEvent::Delta { .. })).await;
    let waiting = ada.say("tokens:3").await;
    let mut reading = Reading::of(other, &ada, waiting.conversation_id).await;
    // What its runner tells comes first, and is perhaps too early for this reader.
    ada.follow(&waiting).await.until(|event| matches!(event, StreamEvent::Queued { .. })).await;
    let queued = StreamEvent::Queued { generation_id: waiting.generation_id, place: 7 };
    app.state().generations.hints().progress(waiting.conversation_id, &queued);
    reading.until(|event| *event == queued).await;
    ada.stop(&first).await.expect(202);
    reading.until(|event| is_done(event, waiting.generation_id)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_listener_that_lost_its_connection_misses_nothing() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let (sent, _) = ada.ask(&message("hello")).await;
    let other = hinted(&app).await;
    let mut reading = Reading::of(other, &ada, sent.conversation_id).await;
    for _ in 0..5 {
        end_connections(&app, "application_name IN ('oriel listener', 'oriel notifier')").await;
        // Begun, and perhaps ended, while nobody listens, or while nobody can say so.
        let next = ada.say_in(sent.conversation_id, "tokens:20 pause:2").await;
        let is_whole = |event: &StreamEvent| {
            matches!(event, StreamEvent::Message { message }
            if message.id == next.message_id && message.status == MessageStatus::Complete)
        };
        let event = reading.until(is_whole).await;
        let kept = ada.message(next.conversation_id, next.message_id).await;
        assert_eq!(event, StreamEvent::Message { message: kept });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_breaks_off_every_connection_is_hardly_noticed() {
    let app = TestApp::start().await;
    let other = app.replica().await;
    let ada = app.user().await;
    let sent = ada.say("tokens:150 pause:10").await;
    let (mut here, mut there) = (ada.follow(&sent).await, ada.at(&other).follow(&sent).await);
    for seq in [5, 15] {
        let shown = |event: &StreamEvent| is_delta_after(event, seq);
        join(here.until(shown), there.until(shown)).await;
        end_connections(&app, "true").await;
    }
    let (here, there) = join(here.until_end(sent.generation_id), there.until_end(sent.generation_id)).await;
    assert_eq!(here, there);
    assert_eq!(ada.message(sent.conversation_id, sent.message_id).await.content, here);
}

/// As a restart of the database does.
async fn end_connections(app: &TestApp, which: &str) {
    let end = format!(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = current_database() AND pid <> pg_backend_pid() AND {which}"
    );
    app.database.client().await.batch_execute(&end).await.expect("connections to end");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_alone_says_nothing_and_with_others_says_no_text() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let (client, mut connection) =
        tokio_postgres::connect(&app.database.url(), tokio_postgres::NoTls).await.expect("a connection");
    let (said, mut heard) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut messages = poll_fn(move |context| connection.poll_message(context));
        while let Some(Ok(message)) = messages.next().await {
            if let AsyncMessage::Notification(notification) = message {
                let _ = said.send(notification.payload().to_owned());
            }
        }
    });
    client.batch_execute("LISTEN oriel").await.expect("to listen");
    ada.ask(&message("hello")).await;
    client.batch_execute("NOTIFY oriel, 'the end'").await.expect("to notify");
    assert_eq!(heard.recv().await.as_deref(), Some("the end"));

    let _other = hinted(&app).await;
    let (sent, kept) = ada.ask(&message("echo:a-secret-that-nobody-may-hear")).await;
    assert!(kept.content.contains("secret"));
    let mut all = String::new();
    while !all.contains(&sent.generation_id.to_string()) {
        all.push_str(&heard.recv().await.expect("a hint"));
    }
    assert!(!all.contains("secret"), "{all}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_whose_place_was_taken_ends() {
    let mut app = TestApp::start().await;
    let ada = app.user().await;
    let mut reader = Reader::open(&ada, paths::STREAM, None).await;
    let store = app.database.store();
    store.register_replica(app.state().generations.owner(), Uuid::now_v7()).await.expect("its place");
    reader.until(|event| matches!(event, StreamEvent::Reconnect { .. })).await;
    app.ended().await;
}
