//! Everything that a client can get wrong, and what it is told.

use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};
use shared::{ApiError, ClientId, ConversationId, ErrorCode, limits, paths};

use crate::support::{Answer, TestApp};

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_does_not_fit_is_refused_with_the_field_at_fault() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let chat = |body: &str| (paths::CHAT, body.to_owned());
    let id = ClientId::new();
    for ((path, body), field, told) in [
        (chat("{"), "", "EOF"),
        (chat(""), "", "is empty"),
        (chat("[]"), "", "JSON object"),
        (chat("null"), "", "JSON object"),
        (chat(&format!(r#"{{"client_id":"{id}","content":"x"}} more"#)), "", "trailing"),
        (chat(&format!(r#"{{"client_id":"{id}","content":7}}"#)), "content", "expected a string"),
        (chat(r#"{"client_id":"7","content":"x"}"#), "client_id", "UUID"),
        (chat(&format!(r#"{{"client_id":"{id}"}}"#)), "", "missing field `content`"),
        (
            chat(&format!(r#"{{"client_id":"{id}","content":"x","colour":"red"}}"#)),
            "colour",
            "unknown field `colour`",
        ),
        (
            chat(&format!(r#"{{"client_id":"{id}","content":"x","options":{{"temperature":"hot"}}}}"#)),
            "options.temperature",
            "expected f32",
        ),
        (chat(&format!(r#"{{"client_id":"{id}","content":"\ud800"}}"#)), "content", "hex escape"),
        ((paths::AUTH_LOGIN, r#"{"email":"a@b.c"}"#.to_owned()), "", "missing field `password`"),
    ] {
        let request =
            user.request(Method::POST, path).header(CONTENT_TYPE, "application/json").body(body.clone());
        let error = Answer::of(request).await.error(ErrorCode::InvalidBody);
        assert!(error.message.contains(told), "{body}: {}", error.message);
        assert_eq!(error.fields.first().map(|fault| fault.field.as_str()).unwrap_or(""), field, "{body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_not_said_to_be_json_is_refused() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let body = json!({"client_id": ClientId::new(), "content": "x"}).to_string();
    for kind in ["text/plain", "application/x-www-form-urlencoded", ""] {
        let request = user.request(Method::POST, paths::CHAT).header(CONTENT_TYPE, kind).body(body.clone());
        let error = Answer::of(request).await.error(ErrorCode::InvalidBody);
        assert!(error.message.contains("Content-Type: application/json"), "{}", error.message);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_huge_body_is_refused_with_the_limit_whether_its_length_is_told_or_not() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let huge = "x".repeat(limits::BODY_MAX_BYTES + 1);
    let json = |request: reqwest::RequestBuilder| request.header(CONTENT_TYPE, "application/json");
    let told = json(user.request(Method::POST, paths::CHAT)).body(huge.clone());
    let chunks = tokio_stream::iter([Ok::<_, std::io::Error>(huge)]);
    let untold = json(user.request(Method::POST, paths::CHAT)).body(reqwest::Body::wrap_stream(chunks));
    for request in [told, untold] {
        let error = Answer::of(request).await.error(ErrorCode::BodyTooLarge);
        assert!(error.message.contains(&limits::BODY_MAX_BYTES.to_string()), "{}", error.message);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn values_out_of_bounds_are_named_with_the_bound() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let send = |content: &str, options: Value| json!({"client_id": ClientId::new(), "content": content, "options": options});
    let long_title = "x".repeat(limits::TITLE_MAX_CHARS + 1);
    let long_message = "x".repeat(limits::MESSAGE_MAX_BYTES + 1);
    for (path, body, field, bound) in [
        (paths::CHAT, send("", json!({})), "content", ""),
        (paths::CHAT, send(&long_message, json!({})), "content", "262"),
        (paths::CHAT, send("x", json!({"temperature": 3.0})), "options.temperature", "2"),
        (paths::CHAT, send("x", json!({"top_p": 0.0})), "options.top_p", "1"),
        (paths::CHAT, send("x", json!({"max_tokens": 0})), "options.max_tokens", "1"),
        (paths::CONVERSATIONS, json!({"title": long_title}), "title", "200"),
    ] {
        let error = user.post(path, &body).await.error(ErrorCode::InvalidFields);
        let fault = error.fields.first().unwrap_or_else(|| panic!("no field in {error:?}"));
        assert_eq!(fault.field, field);
        assert!(fault.message.contains(bound), "{fault:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_cursors_and_limits_that_are_none_are_named() {
    let app = TestApp::start().await;
    let user = app.user().await;
    for (path, field) in [
        ("/api/conversations/7", "conversation_id"),
        ("/api/conversations/00000000-0000/messages", "conversation_id"),
        ("/api/stream/x", "conversation_id"),
        ("/api/conversations?limit=0", "limit"),
        ("/api/conversations?limit=100000", "limit"),
        ("/api/conversations?cursor=nonsense", "cursor"),
    ] {
        let error = user.get(path).await.error(ErrorCode::InvalidFields);
        assert_eq!(error.fields.first().map(|fault| fault.field.as_str()), Some(field), "{path}: {error:?}");
    }
    for path in ["/api/conversations?limit=many", "/api/conversations?colour=red"] {
        user.get(path).await.error(ErrorCode::InvalidFields);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_model_or_parent_or_conversation_is_told_as_such() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let send = |more: Value| {
        let mut body = json!({"client_id": ClientId::new(), "content": "x"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let error =
        user.post(paths::CHAT, &send(json!({"model": "gpt-17"}))).await.error(ErrorCode::UnknownModel);
    assert!(error.message.contains("gpt-17"));
    let unknown = send(json!({"conversation_id": ConversationId::new()}));
    user.post(paths::CHAT, &unknown).await.error(ErrorCode::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_or_a_method_that_is_not_there_is_told_as_such() {
    let app = TestApp::start().await;
    let user = app.user().await;
    for path in
        ["/", "/api", "/api/nothing", "/api/conversations/", "/../etc/passwd", "/api/%00", "/v2/models"]
    {
        user.get(path).await.error(ErrorCode::NotFound);
    }
    let answer = Answer::of(user.request(Method::PUT, paths::CONVERSATIONS)).await;
    answer.error(ErrorCode::MethodNotAllowed);
    let allowed: Vec<&str> = answer.header("allow").unwrap().split(", ").collect();
    assert_eq!(allowed, ["GET", "POST"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_client_sends_comes_back_in_an_error_only_as_text() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let answer =
        user.post(paths::CHAT, &json!({"client_id": "<script>alert(1)</script>", "content": "x"})).await;
    let error: ApiError = answer.error(ErrorCode::InvalidBody);
    assert_eq!(error.fields.len(), 1);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
}
