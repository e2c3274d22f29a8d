//! Tools, reasoning and likelihoods, whole and as events.

use serde_json::{Value, json};

use super::{Stream, asking, complete, told, with};
use crate::support::TestApp;

fn tools() -> Value {
    let parameters = json!({ "type": "object", "properties": { "depth": { "type": "number" } } });
    json!([{ "type": "function", "function": { "name": "dive", "description": "Dives.", "parameters": parameters } }])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_of_a_tool_is_told_and_its_result_taken_back() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let request = with(asking("call:dive"), json!({ "tools": tools() }));
    let answer = complete(&ada, &request).await.value(200);
    let choice = &answer["choices"][0];
    assert_eq!(
        (&choice["finish_reason"], &choice["message"]["content"]),
        (&json!("tool_calls"), &Value::Null)
    );
    let call = &choice["message"]["tool_calls"][0];
    assert_eq!((&call["type"], &call["function"]["name"]), (&json!("function"), &json!("dive")));
    let arguments: Value = serde_json::from_str(call["function"]["arguments"].as_str().unwrap()).unwrap();
    assert_eq!(arguments["depth"], 1);
    assert!(call["id"].as_str().is_some_and(|id| !id.is_empty()));

    let messages = json!([
        { "role": "user", "content": "call:dive" },
        choice["message"],
        { "role": "tool", "tool_call_id": call["id"], "content": "wet" },
    ]);
    let next = complete(&ada, &with(request, json!({ "messages": messages }))).await.value(200);
    assert_eq!(next["choices"][0]["finish_reason"], "stop");
    assert!(next["choices"][0]["message"]["content"].as_str().is_some_and(|text| !text.is_empty()));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_piece_of_a_call_says_which_call_it_belongs_to() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let request = with(asking("call:dive pause:1"), json!({ "tools": tools() }));
    let chunks = Stream::open(&ada, &request).await.rest().await;
    let calls: Vec<&Value> =
        chunks.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["tool_calls"].get(0)).collect();
    assert!(calls.len() > 1 && calls.iter().all(|call| call["index"] == 0), "{chunks:?}");
    assert_eq!((&calls[0]["type"], &calls[0]["function"]["name"]), (&json!("function"), &json!("dive")));
    assert!(calls[1..].iter().all(|call| call.get("id").is_none() && call["function"].get("name").is_none()));
    let arguments: String = calls.iter().filter_map(|call| call["function"]["arguments"].as_str()).collect();
    assert_eq!(serde_json::from_str::<Value>(&arguments).unwrap()["depth"], 1);
    assert_eq!(chunks.last().unwrap()["choices"][0]["finish_reason"], "tool_calls");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_thought_stands_apart_from_the_answer() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let request = asking("think:6 tokens:4");
    let answer = complete(&ada, &request).await.value(200);
    let message = &answer["choices"][0]["message"];
    let (thought, said) =
        (message["reasoning_content"].as_str().unwrap(), message["content"].as_str().unwrap());
    assert!(!thought.is_empty() && !said.is_empty() && !said.contains("think"), "{message}");
    assert!(answer["usage"]["completion_tokens_details"]["reasoning_tokens"].as_u64().unwrap() >= 6);

    let chunks = Stream::open(&ada, &request).await.rest().await;
    let deltas = chunks.iter().map(|chunk| &chunk["choices"][0]["delta"]["reasoning_content"]);
    assert_eq!(deltas.filter_map(Value::as_str).collect::<String>(), thought);
    assert_eq!(told(&chunks, 0), said);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_likelihood_of_each_token_is_told_where_it_was_asked_for() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let request = with(asking("echo:fox"), json!({ "logprobs": true, "top_logprobs": 1 }));
    let answer = complete(&ada, &request).await.value(200);
    let whole = answer["choices"][0]["logprobs"]["content"].as_array().unwrap();
    let tokens: Vec<&str> = whole.iter().map(|token| token["token"].as_str().unwrap()).collect();
    assert_eq!(tokens, ["f", "o", "x"]);
    assert_eq!((&whole[0]["logprob"], &whole[0]["bytes"]), (&json!(0.0), &json!([102])));
    assert_eq!(whole[0]["top_logprobs"][0]["token"], "f");

    let chunks = Stream::open(&ada, &request).await.rest().await;
    let streamed: Vec<&Value> = chunks
        .iter()
        .filter_map(|chunk| chunk["choices"][0]["logprobs"]["content"].as_array())
        .flatten()
        .collect();
    assert_eq!(streamed, whole.iter().collect::<Vec<_>>());
    assert_eq!(complete(&ada, &asking("echo:fox")).await.value(200)["choices"][0]["logprobs"], Value::Null);
}
