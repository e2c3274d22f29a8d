//! `Idempotency-Key`: a repeat changes nothing and gets the first answer.

use backend::routes::{self, Repeats};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use shared::headers::{IDEMPOTENCY_KEY, IDEMPOTENT_REPLAYED};
use shared::page::Page;
use shared::{
    ClientId, Continue, Conversation, ConversationSummary, ErrorCode, SendAccepted, Session, StreamEvent,
    paths,
};

use crate::support::{Actor, Answer, TestApp, message, short};

/// Makes an unfinished row look as if its server had died long ago.
const HOLDER_IS_GONE: &str = "UPDATE idempotency_keys SET held_since = now() - interval '1 hour'";

fn keyed(actor: &Actor, path: &str, key: &str, body: &Value) -> RequestBuilder {
    actor.request(Method::POST, path).header(IDEMPOTENCY_KEY, key).json(body)
}

async fn post(actor: &Actor, path: &str, key: &str, body: &Value) -> Answer {
    Answer::of(keyed(actor, path, key, body)).await
}

fn is_replayed(answer: &Answer) -> bool {
    answer.header(IDEMPOTENT_REPLAYED) == Some("true")
}

async fn conversations(actor: &Actor) -> Vec<ConversationSummary> {
    let page: Page<ConversationSummary> = actor.get(paths::CONVERSATIONS).await.json(200);
    page.items
}

fn filled(path: &str, ids: &SendAccepted) -> String {
    path.replace("{conversation_id}", &ids.conversation_id.to_string())
        .replace("{message_id}", &ids.message_id.to_string())
        .replace("{generation_id}", &ids.generation_id.to_string())
}

/// A body that each POST of somebody who is signed in takes.
fn body_of(path: &str) -> Value {
    match path {
        paths::CHAT => json!({"client_id": ClientId::new(), "content": "tokens:1"}),
        paths::CONVERSATIONS => json!({"title": "Made"}),
        _ => json!({"client_id": ClientId::new()}),
    }
}

#[test]
fn the_posts_that_keep_no_answer_are_these_and_no_others() {
    let anew: Vec<String> = routes::table()
        .iter()
        .filter(|row| row.method == "POST" && row.repeats() != Repeats::SameAnswer)
        .map(|row| row.path.to_owned())
        .collect();
    insta::assert_snapshot!(anew.join("\n"), @r"
    /api/auth/register
    /api/auth/login
    /api/auth/refresh
    /api/auth/logout
    /api/me/keys
    /v1/chat/completions
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_other_post_answers_a_repeat_as_it_answered_the_first() {
    let app = TestApp::start().await;
    for row in routes::table().into_iter().filter(|row| row.repeats() == Repeats::SameAnswer) {
        let ada = app.user().await;
        let ids = ada.ask(&short("tokens:2", 1)).await.0;
        let (path, body) = (filled(row.path, &ids), body_of(row.path));
        let first = post(&ada, &path, "same", &body).await;
        assert!(first.status.is_success(), "{path}: {} {}", first.status, first.text);
        assert!(!is_replayed(&first), "{path}");
        let second = post(&ada, &path, "same", &body).await;
        assert_eq!((second.status, &second.text), (first.status, &first.text), "{path}");
        assert_eq!(second.header("content-type"), first.header("content-type"), "{path}");
        assert!(is_replayed(&second), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_post_refuses_a_key_that_is_none_and_names_the_header() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let ids = ada.ask(&message("tokens:1")).await.0;
    let long = "k".repeat(256);
    for row in routes::table().into_iter().filter(|row| row.method == "POST") {
        for key in ["", "with space", "k\u{e9}y", &long] {
            let answer = post(&ada, &filled(row.path, &ids), key, &body_of(row.path)).await;
            let body = answer.value(400);
            // The native routes and those for OpenAI's clients each in their own shape.
            let name = body.pointer("/fields/0/field").or(body.pointer("/error/param"));
            assert_eq!(name.and_then(Value::as_str), Some("Idempotency-Key"), "{} {key:?}", row.path);
        }
        let twice =
            keyed(&ada, &filled(row.path, &ids), "a", &body_of(row.path)).header(IDEMPOTENCY_KEY, "b");
        Answer::of(twice).await.expect(400);
    }
}

#[test]
fn the_openapi_document_has_the_header_on_every_post() {
    let document = serde_json::to_value(routes::openapi_document()).unwrap();
    for row in routes::table().into_iter().filter(|row| row.method == "POST") {
        let parameters = document["paths"][row.path]["post"]["parameters"].as_array().unwrap();
        assert!(
            parameters.iter().any(|it| it["name"] == "Idempotency-Key" && it["in"] == "header"),
            "{}",
            row.path
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_key_with_another_request_is_refused_and_does_nothing() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    post(&ada, paths::CONVERSATIONS, "k", &json!({"title": "One"})).await.expect(201);
    let other_body = post(&ada, paths::CONVERSATIONS, "k", &json!({"title": "Two"})).await;
    assert!(other_body.error(ErrorCode::Conflict).message.contains("Idempotency-Key"));
    let other_path = post(&ada, paths::CHAT, "k", &json!({"title": "One"})).await;
    other_path.error(ErrorCode::Conflict);
    assert_eq!(conversations(&ada).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_belongs_to_its_person() {
    let app = TestApp::start().await;
    let (ada, bob) = (app.user().await, app.user().await);
    let one: Conversation = post(&ada, paths::CONVERSATIONS, "k", &json!({"title": "Hers"})).await.json(201);
    let other: Conversation = post(&bob, paths::CONVERSATIONS, "k", &json!({"title": "His"})).await.json(201);
    assert_ne!(one.id, other.id);
    assert_eq!(conversations(&bob).await[0].title, "His");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_is_repeated_too_under_the_id_of_the_new_request() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let body = json!({"title": "x".repeat(300)});
    let first = post(&ada, paths::CONVERSATIONS, "k", &body).await.error(ErrorCode::InvalidFields);
    let again = post(&ada, paths::CONVERSATIONS, "k", &body).await;
    assert!(is_replayed(&again));
    let again = again.error(ErrorCode::InvalidFields);
    assert_eq!((&again.message, &again.fields), (&first.message, &first.fields));
    assert_ne!(again.request_id, first.request_id);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_in_the_way_for_a_moment_is_tried_again() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let running = ada.say("tokens:100000 pause:2").await;
    let body = json!({
        "client_id": ClientId::new(), "conversation_id": running.conversation_id, "content": "tokens:1"
    });
    post(&ada, paths::CHAT, "k", &body).await.error(ErrorCode::Conflict);
    ada.stop(&running).await.expect(202);
    ada.follow(&running).await.until_end(running.generation_id).await;
    let answer = post(&ada, paths::CHAT, "k", &body).await;
    answer.expect(202);
    assert!(!is_replayed(&answer));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_of_the_server_is_not_kept() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let client = app.database.client().await;
    client.batch_execute("ALTER TABLE conversations RENAME TO elsewhere").await.unwrap();
    post(&ada, paths::CONVERSATIONS, "k", &json!({})).await.error(ErrorCode::Internal);
    client.batch_execute("ALTER TABLE elsewhere RENAME TO conversations").await.unwrap();
    post(&ada, paths::CONVERSATIONS, "k", &json!({})).await.expect(201);
    assert_eq!(conversations(&ada).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_that_come_together_one_is_run_and_both_get_its_answer() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let body = json!({"title": "Once"});
    let many = (0..6).map(|_| post(&ada, paths::CONVERSATIONS, "k", &body));
    let answers = futures_util::future::join_all(many).await;
    let run = answers.iter().filter(|answer| !is_replayed(answer)).count();
    assert_eq!(run, 1);
    for answer in &answers {
        assert_eq!(answer.expect(201).text, answers[0].text);
    }
    assert_eq!(conversations(&ada).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeat_goes_on_where_its_server_died_and_makes_nothing_twice() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let body = json!({"title": "Once"});
    let first: Conversation = post(&ada, paths::CONVERSATIONS, "k", &body).await.json(201);
    // As it is when the process ends after the conversation was made and before the answer was kept.
    let client = app.database.client().await;
    client.batch_execute("UPDATE idempotency_keys SET status = NULL, body = NULL").await.unwrap();
    client.batch_execute(HOLDER_IS_GONE).await.unwrap();
    let replica = app.replica().await;
    let again = post(&ada.at(&replica), paths::CONVERSATIONS, "k", &body).await;
    assert!(!is_replayed(&again));
    assert_eq!(again.json::<Conversation>(201).id, first.id);
    assert_eq!(conversations(&ada).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_in_the_middle_finds_what_it_asked_for_done_once() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let body = json!({"title": "Once"});
    let lock = app.database.client().await;
    lock.batch_execute("BEGIN; LOCK TABLE conversations").await.unwrap();
    let leaving = tokio::spawn({
        let request = keyed(&ada, paths::CONVERSATIONS, "k", &body);
        async move { Answer::of(request).await }
    });
    let client = app.database.client().await;
    let waits =
        "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    while client.query(waits, &[]).await.unwrap().is_empty() {}
    leaving.abort();
    // It waits until the first is through.
    let ((), again) = tokio::join!(
        async { lock.batch_execute("ROLLBACK").await.unwrap() },
        post(&ada, paths::CONVERSATIONS, "k", &body)
    );
    let again: Conversation = again.json(201);
    let kept: Conversation = post(&ada, paths::CONVERSATIONS, "k", &body).await.json(201);
    assert_eq!((kept.id, conversations(&ada).await.len()), (again.id, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_day_upkeep_removes_the_key_and_it_may_be_used_again() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let client = app.database.client().await;
    let a_day_later = "UPDATE idempotency_keys SET created_at = now() - interval '25 hours'";
    post(&ada, paths::CONVERSATIONS, "k", &json!({"title": "One"})).await.expect(201);
    client.batch_execute(a_day_later).await.unwrap();
    // Before upkeep has come by.
    post(&ada, paths::CONVERSATIONS, "k", &json!({"title": "Two"})).await.expect(201);
    client.batch_execute(a_day_later).await.unwrap();
    assert_eq!(app.state().store.upkeep().await.unwrap().answers, 1);
    assert!(client.query("SELECT FROM idempotency_keys", &[]).await.unwrap().is_empty());
    assert_eq!(conversations(&ada).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_answer_with_a_token_is_ever_stored() {
    let app = TestApp::builder().set("REGISTRATION", "open").start().await;
    let body = json!({"email": "ada@example.org", "name": "Ada", "password": "correct horse"});
    let registered = post(&app.anonymous(), paths::AUTH_REGISTER, "k", &body).await;
    let session: Session = registered.json(200);
    let login = json!({"email": "ada@example.org", "password": "correct horse"});
    post(&app.anonymous(), paths::AUTH_LOGIN, "k", &login).await.expect(200);
    let ada = app.anonymous().signed_in(session);
    post(&ada, paths::AUTH_LOGOUT, "k", &json!({})).await.expect(204);
    let client = app.database.client().await;
    assert!(client.query("SELECT FROM idempotency_keys", &[]).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registration_whose_answer_was_lost_signs_in_when_it_is_repeated_with_a_key() {
    let app = TestApp::builder().first_run().start().await;
    let body = json!({"email": "ada@example.org", "name": "Ada", "password": "correct horse"});
    let first: Session = post(&app.anonymous(), paths::AUTH_REGISTER, "k", &body).await.json(200);
    let again: Session = post(&app.anonymous(), paths::AUTH_REGISTER, "k", &body).await.json(200);
    assert_eq!(again.user.id, first.user.id);
    // Not with another password, and not without a key.
    let wrong = json!({"email": "ada@example.org", "name": "Ada", "password": "incorrect horse"});
    let refused = post(&app.anonymous(), paths::AUTH_REGISTER, "k", &wrong).await;
    refused.error(ErrorCode::RegistrationClosed);
    app.anonymous().post(paths::AUTH_REGISTER, &body).await.error(ErrorCode::RegistrationClosed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_id_that_continued_one_answer_does_nothing_else() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let sent = ada.say("tokens:3000 pause:1").await;
    let mut reader = ada.follow(&sent).await;
    reader.until(|event| matches!(event, StreamEvent::Delta { .. })).await;
    ada.stop(&sent).await.expect(202);
    reader.until_end(sent.generation_id).await;

    let request = Continue { client_id: ClientId::new() };
    let path = paths::message_continue(sent.message_id);
    let first: SendAccepted = ada.post(&path, &request).await.json(202);
    let again: SendAccepted = ada.post(&path, &request).await.json(202);
    assert_eq!(first, again);
    let same_id = json!({"client_id": request.client_id});
    let regenerate = paths::message_regenerate(sent.message_id);
    ada.post(&regenerate, &same_id).await.error(ErrorCode::Conflict);
    let chat = json!({"client_id": request.client_id, "content": "tokens:1"});
    ada.post(paths::CHAT, &chat).await.error(ErrorCode::Conflict);
    ada.stop(&first).await;
}
