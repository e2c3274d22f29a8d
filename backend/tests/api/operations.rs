//! What whoever runs the server meets: health, headers, settings, the end.

use reqwest::Method;
use serde_json::{Value, json};
use shared::{ErrorCode, StreamEvent, paths};

use crate::support::{Actor, Answer, MODEL, Reader, TestApp};

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_has_the_security_headers_and_a_request_id() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let huge = user.request(Method::POST, paths::CHAT).header("content-length", "9999999");
    for (status, request) in [
        (200, user.request(Method::GET, paths::ME)),
        (204, app.anonymous().request(Method::POST, paths::AUTH_LOGOUT)),
        (401, app.anonymous().request(Method::GET, paths::ME)),
        (404, user.request(Method::GET, "/nothing")),
        (405, user.request(Method::PUT, paths::ME)),
        (400, user.request(Method::POST, paths::CHAT)),
        (413, huge.header("content-type", "application/json").body("x".repeat(9_999_999))),
    ] {
        let answer = Answer::of(request).await;
        answer.expect(status);
        for (name, value) in backend::middleware::headers::SECURITY {
            assert_eq!(answer.header(name.as_str()), Some(value), "{status}");
        }
        assert_eq!(answer.header("x-request-id").map(str::len), Some(32), "{status}");
        assert_eq!(answer.header("server"), None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_id_of_nginx_is_kept_and_a_forged_one_is_not() {
    let app = TestApp::start().await;
    let with = |id: &'static str| app.anonymous().request(Method::GET, paths::ME).header("x-request-id", id);
    let kept = Answer::of(with("0f3c9b1e77aa4d0fb2d1a0c3e4f56789")).await;
    assert_eq!(
        kept.error(ErrorCode::Unauthenticated).request_id.unwrap(),
        "0f3c9b1e77aa4d0fb2d1a0c3e4f56789"
    );
    let replaced = Answer::of(with("\"}, status=200 {\"")).await;
    assert_eq!(replaced.error(ErrorCode::Unauthenticated).request_id.unwrap().len(), 32);
}

#[tokio::test(flavor = "multi_thread")]
async fn administrators_alone_are_told_how_far_the_processes_of_models_are_contained() {
    let app = TestApp::start().await;
    let (user, admin) = (app.user().await, app.admin().await);
    let containment =
        async |actor: &Actor| actor.get(paths::READYZ).await.value(200).get("containment").cloned();
    assert_eq!(containment(&admin).await, Some(json!([])), "no model was loaded yet");
    let question = json!({ "model": MODEL, "messages": [{ "role": "user", "content": "hello" }] });
    user.post("/v1/chat/completions", &question).await.expect(200);
    let layer = json!({ "name": "files", "in_force": false, "detail": "a scripted worker is not contained" });
    let expected = Some(json!([{ "model": MODEL, "complete": false, "layers": [layer] }]));
    assert_eq!(containment(&admin).await, expected);
    let program = admin.program(&admin.make_key("a watcher").await);
    assert_eq!(containment(&program).await, expected);
    for other in [&user, &app.anonymous(), &admin.with_token("nonsense")] {
        assert_eq!(containment(other).await, None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn administrators_alone_are_told_what_models_take_of_the_memory() {
    let app = TestApp::start().await;
    let (user, admin) = (app.user().await, app.admin().await);
    let memory = async |actor: &Actor| actor.get(paths::READYZ).await.value(200).get("memory").cloned();
    let before = memory(&admin).await.expect("administrators are told");
    assert!(before[0]["estimated_bytes"].as_u64() > Some(0), "{before}");
    assert_eq!(before[0]["measured_bytes"], json!(null), "it was not loaded yet");
    let question = json!({ "model": MODEL, "messages": [{ "role": "user", "content": "hello" }] });
    user.post("/v1/chat/completions", &question).await.expect(200);
    let after = memory(&admin).await.expect("administrators are told");
    assert_eq!(after[0]["model"], json!(MODEL));
    assert!(after[0]["measured_bytes"].as_u64() > Some(0), "{after}");
    assert_eq!(memory(&user).await, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_its_database_the_server_lives_but_is_not_ready_and_keeps_the_cause_to_itself() {
    let app = TestApp::builder().set("DATABASE_PATIENCE_S", "0").start().await;
    let user = app.user().await;
    app.anonymous().get(paths::READYZ).await.expect(200);
    take_away(&app).await;
    app.anonymous().get(paths::HEALTHZ).await.expect(200);
    app.anonymous().get(paths::READYZ).await.error(ErrorCode::DatabaseUnavailable);
    let error = user.get(paths::CONVERSATIONS).await.error(ErrorCode::DatabaseUnavailable);
    assert_eq!(
        Some(error.message.as_str()),
        backend::error::status::fault_message(ErrorCode::DatabaseUnavailable)
    );
}

/// Cuts all connections to the test's database and lets nobody in again.
async fn take_away(app: &TestApp) {
    let client = app.database.client().await;
    // ALTER DATABASE refuses this for the database that one is in.
    let forbid = "UPDATE pg_database SET datallowconn = false WHERE datname = current_database()";
    client.execute(forbid, &[]).await.expect("a closed database");
    let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()";
    client.execute(cut, &[]).await.expect("cut connections");
}

#[tokio::test(flavor = "multi_thread")]
async fn going_down_the_server_tells_its_streams_to_reconnect_and_ends() {
    let mut app = TestApp::start().await;
    let user = app.user().await;
    let mut reader = Reader::open(&user, paths::STREAM, None).await;
    reader.until(|event| matches!(event, StreamEvent::List {})).await;
    let ((), last) = tokio::join!(app.shut_down(), async {
        reader.until(|event| matches!(event, StreamEvent::Reconnect { .. })).await;
        reader.next().await
    });
    assert_eq!(last, None);
    let refused = user.request(Method::GET, paths::HEALTHZ).send().await;
    assert!(refused.is_err_and(|error| error.is_connect()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_at_another_origin_may_call_where_the_settings_say_so_and_no_other_page() {
    let app = TestApp::builder()
        .set("PUBLIC_URL", "http://page.example.org")
        .set("API_URL", "http://api.example.org")
        .start()
        .await;
    let preflight = |origin: &'static str| {
        app.anonymous()
            .request(Method::OPTIONS, paths::CHAT)
            .header("origin", origin)
            .header("access-control-request-method", "POST")
    };
    let allowed = Answer::of(preflight("http://page.example.org")).await;
    assert_eq!(allowed.expect(204).header("access-control-allow-origin"), Some("http://page.example.org"));
    assert_eq!(allowed.header("access-control-allow-credentials"), Some("true"));
    let refused = Answer::of(preflight("http://evil.example.org")).await;
    assert_eq!(refused.header("access-control-allow-origin"), None);

    let same_origin = TestApp::start().await;
    let request =
        same_origin.anonymous().request(Method::GET, paths::AUTH_SETUP).header("origin", "http://x");
    assert_eq!(Answer::of(request).await.header("access-control-allow-origin"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_openapi_document_is_served() {
    let app = TestApp::start().await;
    let document: Value = app.anonymous().get(paths::OPENAPI).await.json(200);
    assert_eq!(document["info"]["title"], "Oriel");
    assert!(document["components"]["schemas"]["ApiError"].is_object());
}
