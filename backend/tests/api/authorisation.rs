//! Who may call what: every route of the table with every actor.

use std::collections::BTreeSet;

use backend::routes::{self, Access};
use reqwest::Method;
use serde_json::{Value, json};
use shared::{ApiKeyMade, ClientId, ConversationId, ErrorCode, SendAccepted, paths};

use crate::support::{Actor, Answer, MODEL, TestApp, short};

/// The status that each actor gets. The owner comes last: some calls leave nothing for others.
struct Row {
    method: Method,
    path: &'static str,
    body: Option<fn() -> Value>,
    anonymous: u16,
    other: u16,
    /// A program with a key of `other`.
    key: u16,
    admin: u16,
    owner: u16,
}

impl Row {
    /// The same for everybody.
    fn public(method: Method, path: &'static str, status: u16) -> Self {
        Self {
            method,
            path,
            body: None,
            anonymous: status,
            other: status,
            key: status,
            admin: status,
            owner: status,
        }
    }

    /// Each has their own.
    fn private(method: Method, path: &'static str, status: u16) -> Self {
        Self { anonymous: 401, ..Self::public(method, path, status) }
    }

    /// About something of the owner: to others, administrators too, it does not exist.
    fn owned(method: Method, path: &'static str, status: u16) -> Self {
        Self { other: 404, key: 404, admin: 404, ..Self::private(method, path, status) }
    }

    /// Not for programs with a key.
    fn in_person(self) -> Self {
        Self { key: 403, ..self }
    }

    fn with(self, body: fn() -> Value) -> Self {
        Self { body: Some(body), ..self }
    }
}

fn matrix() -> Vec<Row> {
    let (get, post) = (Method::GET, Method::POST);
    vec![
        Row::public(get.clone(), paths::HEALTHZ, 200),
        Row::public(get.clone(), paths::READYZ, 200),
        Row::public(get.clone(), paths::OPENAPI, 200),
        Row::public(get.clone(), paths::AUTH_SETUP, 200),
        Row::public(post.clone(), paths::AUTH_REGISTER, 403)
            .with(|| json!({"email": "new@example.org", "name": "New", "password": "correct horse"})),
        Row::public(post.clone(), paths::AUTH_LOGIN, 401)
            .with(|| json!({"email": ClientId::new().to_string() + "@example.org", "password": "wrong"})),
        // Public, because the access token has ended when it is called; the cookie speaks.
        Row { key: 401, ..Row::private(post.clone(), paths::AUTH_REFRESH, 200) },
        Row::public(post.clone(), paths::AUTH_LOGOUT, 204),
        Row::private(get.clone(), paths::ME, 200),
        Row::private(Method::PATCH, paths::ME, 200).in_person().with(|| json!({"name": "Another"})),
        Row::private(Method::PUT, paths::ME_PASSWORD, 400)
            .in_person()
            .with(|| json!({"current_password": "wrong", "new_password": "password1"})),
        Row::private(get.clone(), paths::ME_KEYS, 200).in_person(),
        Row::private(post.clone(), paths::ME_KEYS, 201).in_person().with(|| json!({"name": "a program"})),
        Row::owned(Method::DELETE, paths::ME_KEY, 204).in_person(),
        Row::private(get.clone(), paths::MODELS, 200),
        Row::private(get.clone(), paths::CONVERSATIONS, 200),
        Row::private(post.clone(), paths::CONVERSATIONS, 201).with(|| json!({})),
        Row::owned(get.clone(), paths::CONVERSATION, 200),
        Row::owned(Method::PATCH, paths::CONVERSATION, 200).with(|| json!({"title": "Mine"})),
        Row::owned(Method::DELETE, paths::CONVERSATION, 204),
        Row::owned(post.clone(), paths::CONVERSATION_RESTORE, 200),
        Row::owned(get.clone(), paths::CONVERSATION_MESSAGES, 200),
        Row::private(post.clone(), paths::CHAT, 202)
            .with(|| json!({"client_id": ClientId::new(), "content": "tokens:1"})),
        Row::owned(post.clone(), paths::MESSAGE_REGENERATE, 202)
            .with(|| json!({"client_id": ClientId::new()})),
        Row::owned(post.clone(), paths::MESSAGE_CONTINUE, 202).with(|| json!({"client_id": ClientId::new()})),
        Row::owned(post.clone(), paths::GENERATION_STOP, 204),
        Row::private(get.clone(), paths::STREAM, 200),
        Row::owned(get.clone(), paths::STREAM_CONVERSATION, 200),
        Row::private(get.clone(), paths::V1_MODELS, 200),
        Row::private(get, paths::V1_MODEL, 200),
        Row::private(post, paths::V1_CHAT_COMPLETIONS, 200)
            .with(|| json!({"messages": [{"role": "user", "content": "tokens:1"}]})),
    ]
}

/// A conversation with one answer that has ended, at its length.
async fn something_of(owner: &Actor) -> SendAccepted {
    owner.ask(&short("tokens:2", 1)).await.0
}

fn filled(path: &str, ids: &SendAccepted, key: &ApiKeyMade) -> String {
    path.replace("{conversation_id}", &ids.conversation_id.to_string())
        .replace("{message_id}", &ids.message_id.to_string())
        .replace("{generation_id}", &ids.generation_id.to_string())
        .replace("{key_id}", &key.key.id.to_string())
        .replace("{model_id}", MODEL)
}

/// The status alone: a stream's body has no end.
async fn status(actor: &Actor, row: &Row, path: &str) -> u16 {
    let mut request = actor.request(row.method.clone(), path);
    if let Some(body) = row.body {
        request = request.json(&body());
    }
    request.send().await.expect("an answer").status().as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_answers_every_actor_as_the_matrix_says() {
    let app = TestApp::start().await;
    let mut wrong = Vec::new();
    for row in matrix() {
        let (owner, other, admin) = (app.user().await, app.user().await, app.admin().await);
        let ids = something_of(&owner).await;
        let path = filled(row.path, &ids, &owner.make_key("a program").await);
        let program = other.program(&other.make_key("a program").await);
        if row.path == paths::CONVERSATION_RESTORE {
            owner.delete(&paths::conversation(ids.conversation_id)).await.expect(204);
        }
        for (name, actor, expected) in [
            ("anonymous", &app.anonymous(), row.anonymous),
            ("other", &other, row.other),
            ("key", &program, row.key),
            ("admin", &admin, row.admin),
            ("owner", &owner, row.owner),
        ] {
            let got = status(actor, &row, &path).await;
            if got != expected {
                wrong.push(format!("{} {} as {name}: {got} instead of {expected}", row.method, row.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_matrix_has_a_row_for_every_route_and_no_other() {
    let table: BTreeSet<String> =
        routes::table().iter().map(|row| format!("{} {}", row.method, row.path)).collect();
    let rows: BTreeSet<String> = matrix().iter().map(|row| format!("{} {}", row.method, row.path)).collect();
    assert_eq!(table, rows);
}

#[test]
fn the_public_routes_are_these_and_no_others() {
    let public: Vec<String> = routes::table()
        .iter()
        .filter(|row| row.access == Access::Public)
        .map(|row| format!("{} {}", row.method, row.path))
        .collect();
    insta::assert_snapshot!(public.join("\n"), @r"
    GET /healthz
    GET /readyz
    GET /api/openapi.json
    GET /api/auth/setup
    POST /api/auth/register
    POST /api/auth/login
    POST /api/auth/refresh
    POST /api/auth/logout
    ");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_route_asks_who_is_calling_before_it_looks_at_anything_else() {
    let app = TestApp::start().await;
    let anonymous = app.anonymous();
    for row in routes::table().into_iter().filter(|row| row.access != Access::Public) {
        let method = Method::from_bytes(row.method.as_str().as_bytes()).unwrap();
        let request = anonymous.request(method, row.path).body("{ this is no JSON");
        let answer = Answer::of(request).await;
        if row.path.starts_with("/v1/") {
            assert_eq!(answer.value(401)["error"]["code"], "invalid_api_key");
        } else {
            answer.error(ErrorCode::Unauthenticated);
        }
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"), "{}", row.path);
    }
}

#[test]
fn the_openapi_document_has_every_route_and_no_other() {
    let document = serde_json::to_value(routes::openapi_document()).unwrap();
    let mut described = BTreeSet::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let private = operation["security"].is_array();
            described.insert((method.to_uppercase(), path.clone(), private));
        }
    }
    let table: BTreeSet<(String, String, bool)> = routes::table()
        .iter()
        .map(|row| (row.method.to_string(), row.path.to_owned(), row.access != Access::Public))
        .collect();
    assert_eq!(described, table);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_id_and_somebody_elses_look_the_same() {
    let app = TestApp::start().await;
    let (owner, other) = (app.user().await, app.user().await);
    let ids = something_of(&owner).await;
    let foreign = other.get(&paths::conversation(ids.conversation_id)).await.error(ErrorCode::NotFound);
    let unknown = other.get(&paths::conversation(ConversationId::new())).await.error(ErrorCode::NotFound);
    assert_eq!((foreign.message, foreign.fields), (unknown.message, unknown.fields));
}
