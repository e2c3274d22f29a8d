//! API keys: what programs of a person show instead of signing in.

use reqwest::Method;
use serde_json::json;
use shared::{ApiKey, CreateApiKey, ErrorCode, StreamEvent, User, paths};

use crate::support::{Actor, Answer, Reader, TestApp};

async fn keys(person: &Actor) -> Vec<ApiKey> {
    person.get(paths::ME_KEYS).await.json(200)
}

async fn sql(app: &TestApp, statement: &str) {
    app.database.client().await.execute(statement, &[]).await.expect("a statement");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_speaks_for_its_owner_in_either_header() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let made = ada.make_key("my laptop").await;
    assert!(made.secret.starts_with("sk-or-") && made.secret.len() == 49);
    let who: User = ada.program(&made).get(paths::ME).await.json(200);
    assert_eq!(who.id, ada.account().id);
    let request = app.anonymous().request(Method::GET, paths::ME).header("x-api-key", &made.secret);
    assert_eq!(Answer::of(request).await.json::<User>(200).id, who.id);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_shown_once_and_the_database_has_only_its_hash() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let request = ada.request(Method::POST, paths::ME_KEYS).header("idempotency-key", "make-my-key");
    let made = Answer::of(request.json(&json!({ "name": "my laptop" }))).await;
    let secret = made.value(201)["secret"].as_str().expect("a secret").to_owned();
    assert_eq!(made.header("cache-control"), Some("no-store"));

    let listed = ada.get(paths::ME_KEYS).await;
    assert!(!listed.text.contains(&secret));
    let listed: Vec<ApiKey> = listed.json(200);
    assert_eq!(listed.len(), 1);
    assert!(secret.starts_with(&listed[0].prefix) && listed[0].prefix.len() == 10);
    // Anything that anybody could sign in with would contain what comes after the shown beginning.
    let random: String = secret.chars().skip(10).collect();
    let dump = app.database.client().await;
    let tables = "SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'public'";
    for table in dump.query(tables, &[]).await.expect("the tables") {
        let table: String = table.get(0);
        let rows = format!("SELECT count(*) FROM \"{table}\" t WHERE t::text LIKE '%' || $1 || '%'");
        let found: i64 = dump.query_one(&rows, &[&random]).await.expect("a count").get(0);
        assert_eq!(found, 0, "the secret stands in {table}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_neither_makes_nor_lists_nor_revokes_keys() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let made = admin.make_key("my laptop").await;
    let program = admin.program(&made);
    program.post(paths::ME_KEYS, &json!({ "name": "another" })).await.error(ErrorCode::Forbidden);
    program.get(paths::ME_KEYS).await.error(ErrorCode::Forbidden);
    program.delete(&paths::me_key(made.key.id)).await.error(ErrorCode::Forbidden);
    assert_eq!(keys(&admin).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_key_counts_no_more_on_any_server_and_its_streams_end() {
    let app = TestApp::start().await;
    let other_server = app.replica().await;
    let ada = app.user().await;
    let (made, kept) = (ada.make_key("my laptop").await, ada.make_key("my phone").await);
    let (program, other_program) = (ada.program(&made), ada.program(&kept));
    let mut reader = Reader::open(&program, paths::STREAM, None).await;
    reader.until(|event| matches!(event, StreamEvent::List {})).await;
    program.at(&other_server).get(paths::ME).await.expect(200);

    ada.delete(&paths::me_key(made.key.id)).await.expect(204);
    program.get(paths::ME).await.error(ErrorCode::Unauthenticated);
    program.at(&other_server).get(paths::ME).await.error(ErrorCode::Unauthenticated);
    while reader.next().await.is_some() {}
    other_program.get(paths::ME).await.expect(200);
    let left: Vec<_> = keys(&ada).await.into_iter().map(|key| key.id).collect();
    assert_eq!(left, [kept.key.id]);
    ada.delete(&paths::me_key(made.key.id)).await.error(ErrorCode::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_elses_key_cannot_be_seen_or_revoked() {
    let app = TestApp::start().await;
    let (ada, eve) = (app.user().await, app.user().await);
    let made = ada.make_key("my laptop").await;
    assert_eq!(keys(&eve).await, []);
    eve.delete(&paths::me_key(made.key.id)).await.error(ErrorCode::NotFound);
    ada.program(&made).get(paths::ME).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_ends_with_its_time_and_with_its_account() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let wanted = CreateApiKey { name: "for a month".to_owned(), expires_in_days: Some(30) };
    let short: shared::ApiKeyMade = ada.post(paths::ME_KEYS, &wanted).await.json(201);
    let end = short.key.expires_at.expect("an end");
    assert_eq!((end - short.key.created_at).whole_days(), 30);
    let program = ada.program(&short);
    let mut reader = Reader::open(&program, paths::STREAM, None).await;
    sql(&app, "UPDATE api_keys SET expires_at = now()").await;
    program.get(paths::ME).await.error(ErrorCode::Unauthenticated);
    while reader.next().await.is_some() {}
    assert!(keys(&ada).await[0].expired);

    let lasting = ada.program(&ada.make_key("for ever").await);
    lasting.get(paths::ME).await.expect(200);
    sql(&app, "UPDATE users SET active = false").await;
    lasting.get(paths::ME).await.error(ErrorCode::Unauthenticated);
}

#[tokio::test(flavor = "multi_thread")]
async fn its_use_is_noted_and_not_at_every_request() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let made = ada.make_key("my laptop").await;
    assert_eq!(made.key.last_used_at, None);
    let program = ada.program(&made);
    program.get(paths::ME).await.expect(200);
    let first = keys(&ada).await[0].last_used_at;
    assert!(first.is_some());
    program.get(paths::ME).await.expect(200);
    assert_eq!(keys(&ada).await[0].last_used_at, first);
    sql(&app, "UPDATE api_keys SET last_used_at = last_used_at - interval '61 seconds'").await;
    program.get(paths::ME).await.expect(200);
    assert!(keys(&ada).await[0].last_used_at >= first);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_keys_make_their_address_wait_and_nobody_with_a_right_one() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let made = ada.make_key("my laptop").await;
    let wrong = ada.program(&made).with_token(&made.secret.replace("sk-or-", "sk-or-x"));
    let mut statuses = Vec::new();
    for _ in 0..8 {
        let answer = wrong.get(paths::ME).await;
        match answer.status.as_u16() {
            429 => {
                let error = answer.error(ErrorCode::RateLimited);
                let seconds = error.retry_after_s.expect("a time to wait");
                assert_eq!(answer.header("retry-after"), Some(seconds.to_string().as_str()));
            }
            _ => drop(answer.error(ErrorCode::Unauthenticated)),
        }
        statuses.push(answer.status.as_u16());
    }
    assert_eq!((statuses.first(), statuses.last()), (Some(&401), Some(&429)), "{statuses:?}");
    ada.program(&made).get(paths::ME).await.expect(200);
    // Signing in is counted apart.
    let login = json!({ "email": "nobody@example.org", "password": "wrong" });
    app.anonymous().post(paths::AUTH_LOGIN, &login).await.error(ErrorCode::WrongCredentials);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_has_a_bounded_number_of_keys() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    for _ in 0..shared::limits::API_KEYS_MAX_COUNT {
        ada.make_key("one more").await;
    }
    let error = ada.post(paths::ME_KEYS, &json!({ "name": "too many" })).await.error(ErrorCode::Conflict);
    assert!(error.message.contains("100"), "{}", error.message);
    let error = ada.post(paths::ME_KEYS, &json!({ "name": " " })).await.error(ErrorCode::InvalidFields);
    assert_eq!(error.fields[0].field, "name");
}
