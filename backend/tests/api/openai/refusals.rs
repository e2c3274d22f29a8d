//! What is refused, and how.

use std::pin::pin;

use engine::scripted::ScriptedModel;
use futures_util::future::select;
use reqwest::Method;
use serde_json::{Value, json};
use shared::paths;

use super::{Stream, asking, complete, error, with};
use crate::support::{Answer, TestApp};

#[tokio::test(flavor = "multi_thread")]
async fn a_known_field_with_a_bad_value_is_refused_by_its_name() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    for (fields, param) in [
        (json!({ "messages": [] }), "messages"),
        (json!({ "messages": null }), "messages"),
        (json!({ "messages": "hello" }), "messages"),
        (json!({ "messages": [{ "role": "robot", "content": "hello" }] }), "messages[0].role"),
        (json!({ "messages": [{ "role": "user" }] }), "messages[0].content"),
        (json!({ "messages": [{ "role": "user", "content": 7 }] }), "messages[0].content"),
        (
            json!({ "messages": [{ "role": "user", "content": [{ "type": "image_url", "image_url": {} }] }] }),
            "messages[0].content[0].type",
        ),
        (
            json!({ "messages": [{ "role": "user", "content": [{ "type": "text" }] }] }),
            "messages[0].content[0].text",
        ),
        (
            json!({ "messages": [{ "role": "user", "content": [{ "text": 7 }] }] }),
            "messages[0].content[0].text",
        ),
        (json!({ "temperature": 3 }), "temperature"),
        (json!({ "temperature": "hot" }), "temperature"),
        (json!({ "top_p": 1.5 }), "top_p"),
        (json!({ "min_p": -1 }), "min_p"),
        (json!({ "top_k": -1 }), "top_k"),
        (json!({ "max_tokens": 0 }), "max_tokens"),
        (json!({ "max_completion_tokens": -1 }), "max_completion_tokens"),
        (json!({ "presence_penalty": 9 }), "presence_penalty"),
        (json!({ "frequency_penalty": 9 }), "frequency_penalty"),
        (json!({ "repeat_penalty": 9 }), "repeat_penalty"),
        (json!({ "stop": 7 }), "stop"),
        (json!({ "stop": ["a", 7] }), "stop[1]"),
        (json!({ "stop": "" }), "stop"),
        (json!({ "seed": 0.5 }), "seed"),
        (json!({ "n": 0 }), "n"),
        (json!({ "n": 1000 }), "n"),
        (json!({ "stream": "yes" }), "stream"),
        (json!({ "stream_options": { "include_usage": 1 } }), "stream_options.include_usage"),
        (json!({ "user": 7 }), "user"),
    ] {
        let answer = complete(&ada, &with(asking("hello"), fields.clone())).await;
        let error = error(&answer, 400);
        assert_eq!(
            (&error["type"], &error["param"]),
            (&json!("invalid_request_error"), &json!(param)),
            "{fields}"
        );
        assert_eq!(answer.header("x-should-retry"), Some("false"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tools_and_bounds_of_an_answer_are_refused_by_their_names_too() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let tool = |name: &str| json!({ "type": "function", "function": { "name": name, "parameters": {} } });
    let call = json!([{ "id": "a", "type": "function", "function": { "name": "add", "arguments": "{" } }]);
    for (fields, param) in [
        (json!({ "tools": [tool("not a name")] }), "tools[0].function.name"),
        (json!({ "tools": [tool("add"), tool("add")] }), "tools"),
        (json!({ "tools": [{ "type": "spanner" }] }), "tools[0].type"),
        (json!({ "tool_choice": "required" }), "tool_choice"),
        (json!({ "tool_choice": "perhaps" }), "tool_choice"),
        (json!({ "tool_choice": { "type": "function", "function": { "name": "add" } } }), "tool_choice"),
        (json!({ "messages": [{ "role": "assistant", "tool_calls": call }] }), "messages"),
        (json!({ "response_format": { "type": "poem" } }), "response_format.type"),
        (
            json!({ "response_format": { "type": "json_schema", "json_schema": { "name": "x" } } }),
            "response_format.json_schema.schema",
        ),
        (json!({ "grammar": "root ::= \"a\"", "response_format": { "type": "json_object" } }), "grammar"),
        (json!({ "grammar": "" }), "grammar"),
        (json!({ "top_logprobs": 3 }), "top_logprobs"),
        (json!({ "logprobs": true, "top_logprobs": 21 }), "top_logprobs"),
        (json!({ "logit_bias": { "42": "never" } }), "logit_bias.42"),
        (json!({ "logit_bias": { "the": 1 } }), "logit_bias.the"),
        (json!({ "logit_bias": { "42": 101 } }), "logit_bias"),
        (json!({ "reasoning_effort": "heroic" }), "reasoning_effort"),
        (json!({ "typical_p": 2 }), "typical_p"),
        (json!({ "dry_multiplier": 9 }), "dry_multiplier"),
        (json!({ "xtc_probability": 9 }), "xtc_probability"),
        (json!({ "mirostat": 1 }), "mirostat"),
        (json!({ "mirostat": 2, "mirostat_tau": 0 }), "mirostat"),
    ] {
        let answer = complete(&ada, &with(asking("hello"), fields.clone())).await;
        assert_eq!(error(&answer, 400)["param"], param, "{fields}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_model_and_an_unknown_address_are_not_found() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let told = error(&complete(&ada, &with(asking("hello"), json!({ "model": "maker/unknown" }))).await, 404);
    assert_eq!((&told["param"], &told["code"]), (&json!("model"), &json!("model_not_found")));
    // With its slash as it is, and escaped.
    for path in ["/v1/models/maker/unknown", "/v1/models/maker%2Funknown", "/models/maker/unknown"] {
        let told = error(&ada.get(path).await, 404);
        assert!(told["message"].as_str().unwrap().contains("maker/unknown"), "{path}: {told}");
    }
    assert_eq!(error(&ada.get("/v1/nothing").await, 404)["type"], "invalid_request_error");
    error(&ada.get(paths::V1_CHAT_COMPLETIONS).await, 405);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_valid_key_nothing_is_answered() {
    let app = TestApp::start().await;
    for request in [
        app.anonymous().request(Method::GET, paths::V1_MODELS),
        app.anonymous().request(Method::GET, paths::V1_MODELS).bearer_auth("sk-or-wrong"),
        app.anonymous().request(Method::POST, paths::V1_CHAT_COMPLETIONS).bearer_auth("sk-wrong"),
    ] {
        let answer = Answer::of(request).await;
        assert_eq!(error(&answer, 401)["code"], "invalid_api_key");
        assert_eq!(answer.header("x-should-retry"), Some("false"));
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_do_not_fit_are_refused_with_both_numbers_also_for_a_stream() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    for stream in [false, true] {
        let request = with(asking(&"x".repeat(5_000)), json!({ "stream": stream }));
        let told = error(&complete(&ada, &request).await, 400);
        assert_eq!((&told["code"], &told["param"]), (&json!("context_length_exceeded"), &json!("messages")));
        let message = told["message"].as_str().unwrap();
        assert!(message.contains("4096") && message.contains("500"), "{message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_that_the_template_refuses_is_the_callers_fault() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    assert_eq!(error(&complete(&ada, &asking("refuse")).await, 400)["param"], "messages");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_says_when_to_come_again() {
    let app = TestApp::builder().set("SLOTS", "1").set("QUEUE_CAPACITY", "1").start().await;
    let ada = app.user().await;
    let mut running = Stream::open(&ada, &asking("endless pause:5")).await;
    running.next().await.expect("an event");
    // One of them may wait; the other is refused at once.
    let (first, second) = (asking("tokens:1"), asking("tokens:1"));
    let (first, second) = (pin!(complete(&ada, &first)), pin!(complete(&ada, &second)));
    let (refused, waiting) = select(first, second).await.factor_first();
    drop(running);
    waiting.await.expect(200);
    let told = error(&refused, 429);
    assert_eq!((&told["type"], &told["code"]), (&json!("rate_limit_error"), &json!("overloaded")));
    assert!(refused.header("retry-after").is_some_and(|seconds| seconds.parse::<u32>().is_ok_and(|s| s > 0)));
    assert_eq!(refused.header("x-should-retry"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_want_to_wait_for_a_model_is_told_when_to_come_again() {
    let slow = ScriptedModel { load_ms: 3_000, ..ScriptedModel::default() };
    let app = TestApp::builder().model("slow", slow).start().await;
    let ada = app.user().await;
    for stream in [false, true] {
        let request = ada.request(Method::POST, paths::V1_CHAT_COMPLETIONS).header("prefer", "wait=0");
        let answer = Answer::of(request.json(&with(asking("tokens:1"), json!({ "stream": stream })))).await;
        let told = error(&answer, 503);
        assert_eq!((&told["type"], &told["code"]), (&json!("server_error"), &json!("model_loading")));
        assert!(answer.header("retry-after").is_some());
    }
    // It was loaded all the same, and whoever waits is answered.
    let answer: Value = complete(&ada, &asking("tokens:1")).await.value(200);
    assert_eq!(answer["usage"]["completion_tokens"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_cannot_be_loaded_says_why_and_that_a_repeat_does_not_help() {
    let broken =
        ScriptedModel { load_error: Some("the file is cut off".to_owned()), ..ScriptedModel::default() };
    let app = TestApp::builder().model("broken", broken).start().await;
    let ada = app.user().await;
    let answer = complete(&ada, &asking("hello")).await;
    assert!(error(&answer, 409)["message"].as_str().unwrap().contains("the file is cut off"));
    assert_eq!(answer.header("x-should-retry"), Some("false"));
}
