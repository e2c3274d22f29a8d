//! The form of the events.

use engine::scripted::ScriptedModel;
use serde_json::{Value, json};

use super::{Stream, asking, text, told, with};
use crate::support::TestApp;

#[tokio::test(flavor = "multi_thread")]
async fn the_events_have_the_form_that_clients_expect() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let mut stream = Stream::open(&ada, &asking("tokens:5 pause:5")).await;
    let chunks = stream.rest().await;
    assert_eq!(told(&chunks, 0), text(&ada, &asking("tokens:5 pause:5")).await);

    for line in stream.raw.lines() {
        assert!(line.is_empty() || line.starts_with("data: ") || line == ": ping", "{line:?}");
    }
    assert!(stream.raw.ends_with("\n\ndata: [DONE]\n\n"));
    for field in ["id", "created", "model", "object"] {
        assert!(chunks.iter().all(|chunk| chunk[field] == chunks[0][field]), "{field}");
    }
    assert_eq!(chunks[0]["object"], "chat.completion.chunk");
    let delta = |chunk: &Value| chunk["choices"][0]["delta"].clone();
    assert_eq!(delta(&chunks[0]), json!({ "role": "assistant", "content": "" }));
    let (last, others) = chunks.split_last().unwrap();
    assert!(others[1..].iter().all(|chunk| delta(chunk)["role"].is_null()));
    assert!(others.iter().all(|chunk| chunk["choices"][0]["finish_reason"].is_null()));
    assert_eq!((delta(last), &last["choices"][0]["finish_reason"]), (json!({}), &json!("stop")));
    assert_eq!(last["timings"]["predicted_n"], 5);
    assert!(chunks.iter().all(|chunk| chunk.get("usage").is_none()), "nobody asked for it");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tokens_come_in_an_event_of_their_own_if_they_are_asked_for() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let request = with(asking("tokens:5"), json!({ "stream_options": { "include_usage": true } }));
    let chunks = Stream::open(&ada, &request).await.rest().await;
    let (last, others) = chunks.split_last().unwrap();
    assert_eq!((&last["choices"], &last["usage"]["completion_tokens"]), (&json!([]), &json!(5)));
    assert!(last["timings"].is_object());
    assert!(others.iter().all(|chunk| chunk["usage"].is_null() && chunk.get("timings").is_none()));
}

#[tokio::test(flavor = "multi_thread")]
async fn comments_come_while_the_prompt_is_read() {
    let slow = ScriptedModel { prompt_token_us: 1_500, ..ScriptedModel::default() };
    let app = TestApp::builder().model("slow", slow).start().await;
    let ada = app.user().await;
    // Some seconds longer than an error could still have become a status.
    let mut stream = Stream::open(&ada, &asking(&format!("{} tokens:2", "x".repeat(3_600)))).await;
    let chunks = stream.rest().await;
    assert!(stream.raw.starts_with(": ping\n\n"), "{}", stream.raw);
    assert_eq!(chunks.last().unwrap()["choices"][0]["finish_reason"], "stop");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_in_the_middle_is_an_event_and_the_end() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let mut stream = Stream::open(&ada, &asking("tokens:40 pause:5 crash:20")).await;
    let chunks = stream.rest().await;
    let (last, others) = chunks.split_last().unwrap();
    assert_eq!(
        (&last["error"]["type"], &last["error"]["code"]),
        (&json!("server_error"), &json!("engine_failed"))
    );
    assert!(!told(others, 0).is_empty());
    assert!(!stream.raw.contains("[DONE]"));
}
