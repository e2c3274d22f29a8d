//! What is answered to what.

use engine::scripted::{ScriptedModel, expected_answer};
use engine::{ChatMessage, ChatRole, SamplingOptions};
use serde_json::{Value, json};
use shared::paths;

use super::{Stream, asking, complete, text, told, with};
use crate::support::{MODEL, TestApp};

fn expected(messages: &[(ChatRole, &str)], options: SamplingOptions) -> String {
    let messages: Vec<ChatMessage> =
        messages.iter().map(|(role, content)| ChatMessage::new(*role, *content)).collect();
    expected_answer(&messages, &options.check().expect("options"))
}

fn greedy() -> SamplingOptions {
    SamplingOptions { temperature: Some(0.0), ..SamplingOptions::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_comes_whole_with_its_tokens_and_times() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let program = ada.program(&ada.make_key("a program").await);
    let question = format!("tokens:9 {}", "and so on ".repeat(20));
    let request = with(asking(&question), json!({ "model": MODEL }));
    let answer = complete(&program, &request).await.value(200);
    assert_eq!((&answer["object"], &answer["model"]), (&json!("chat.completion"), &json!(MODEL)));
    assert!(answer["id"].as_str().unwrap().starts_with("chatcmpl-"));
    assert!(answer["created"].as_i64().unwrap() > 1_700_000_000);
    let choice = &answer["choices"][0];
    assert_eq!(answer["choices"].as_array().unwrap().len(), 1);
    assert_eq!((&choice["index"], &choice["finish_reason"]), (&json!(0), &json!("stop")));
    assert_eq!(choice["message"]["role"], "assistant");
    assert_eq!(choice["message"]["content"], expected(&[(ChatRole::User, &question)], greedy()));
    let usage = &answer["usage"];
    let number = |name: &str| usage[name].as_u64().unwrap();
    assert_eq!(number("completion_tokens"), 9);
    assert_eq!(number("total_tokens"), number("prompt_tokens") + 9);
    assert_eq!(usage["prompt_tokens_details"]["cached_tokens"], 0);
    assert_eq!(answer["timings"]["prompt_n"].as_u64(), Some(number("prompt_tokens")));
    assert_eq!(answer["timings"]["predicted_n"], 9);

    // The second time the prompt is known but for its last token.
    let again = complete(&program, &request).await.value(200);
    let cached = again["usage"]["prompt_tokens_details"]["cached_tokens"].as_u64().unwrap();
    assert!(cached > 0 && cached < number("prompt_tokens"), "{again}");
    assert_eq!(again["timings"]["cache_n"].as_u64(), Some(cached));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_role_and_form_of_a_message_reaches_the_model() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let request = json!({
        "temperature": 0,
        "messages": [
            { "role": "developer", "content": "Be brief." },
            { "role": "user", "content": [{ "type": "text", "text": "one" }, { "type": "text", "text": "two" }] },
            { "role": "assistant", "content": null, "reasoning_content": "hm", "name": "ignored" },
            { "role": "user", "content": "tokens:7" },
        ],
    });
    let messages = [
        (ChatRole::System, "Be brief."),
        (ChatRole::User, "one\ntwo"),
        (ChatRole::Assistant, ""),
        (ChatRole::User, "tokens:7"),
    ];
    assert_eq!(text(&ada, &request).await, expected(&messages, greedy()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_options_are_honoured() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    for (fields, reason, tokens) in [
        (json!({ "max_tokens": 5 }), "length", 5),
        (json!({ "max_completion_tokens": 4, "max_tokens": 9 }), "length", 4),
        (json!({ "max_tokens": null, "seed": null, "stop": null, "tools": [], "n": null }), "stop", 12),
        (
            json!({ "user": "somebody", "parallel_tool_calls": true, "response_format": { "type": "text" } }),
            "stop",
            12,
        ),
        (json!({ "made_up": { "by": ["somebody"] }, "metadata": {}, "logprobs": false }), "stop", 12),
    ] {
        let answer = complete(&ada, &with(asking("tokens:12"), fields)).await.value(200);
        let choice = &answer["choices"][0];
        assert_eq!(
            (&choice["finish_reason"], &answer["usage"]["completion_tokens"]),
            (&json!(reason), &json!(tokens))
        );
    }
    for stop in [json!("brown"), json!(["fox", "brown"])] {
        let request = with(asking("echo:the quick brown fox"), json!({ "stop": stop }));
        assert_eq!(text(&ada, &request).await, "the quick ");
    }
    let seeded = with(asking("tokens:30"), json!({ "temperature": 1.5, "seed": 7 }));
    let options = SamplingOptions { temperature: Some(1.5), seed: Some(7), ..SamplingOptions::default() };
    assert_eq!(text(&ada, &seeded).await, expected(&[(ChatRole::User, "tokens:30")], options));
    let far = with(asking("tokens:30"), json!({ "temperature": 1.5, "seed": -7_000_000_000_i64 }));
    assert_eq!(text(&ada, &far).await, text(&ada, &far).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn several_answers_are_drawn_each_by_itself() {
    let app = TestApp::builder().set("SLOTS", "4").start().await;
    let ada = app.user().await;
    let request = with(asking("tokens:20"), json!({ "temperature": 1.5, "seed": 3, "n": 3 }));
    let answer = complete(&ada, &request).await.value(200);
    let texts: Vec<&str> = answer["choices"]
        .as_array()
        .unwrap()
        .iter()
        .map(|choice| choice["message"]["content"].as_str().unwrap())
        .collect();
    for (seed, text) in (3..).zip(&texts) {
        let options =
            SamplingOptions { temperature: Some(1.5), seed: Some(seed), ..SamplingOptions::default() };
        assert_eq!(*text, expected(&[(ChatRole::User, "tokens:20")], options));
    }
    assert_eq!(texts.len(), 3);
    assert_eq!(answer["usage"]["completion_tokens"], 60);

    let chunks = Stream::open(&ada, &request).await.rest().await;
    for (choice, text) in (0..).zip(texts) {
        assert_eq!(told(&chunks, choice), text);
    }
    let ends = chunks.iter().filter(|chunk| chunk["choices"][0]["finish_reason"] == "stop").count();
    assert_eq!(ends, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_models_are_listed_and_found_with_and_without_the_prefix() {
    let broken = ScriptedModel::default();
    let app = TestApp::builder().model("one", ScriptedModel::default()).model("two", broken).start().await;
    let ada = app.user().await;
    for path in [paths::V1_MODELS, paths::V1_MODELS_ALIAS] {
        let list = ada.get(path).await.value(200);
        let ids: Vec<&Value> = list["data"].as_array().unwrap().iter().map(|model| &model["id"]).collect();
        assert_eq!((&list["object"], ids), (&json!("list"), vec![&json!("one"), &json!("two")]));
        let model = ada.get(&format!("{path}/ONE")).await.value(200);
        assert_eq!((&model["id"], &model["object"]), (&json!("one"), &json!("model")));
        assert!(model["created"].as_u64().unwrap() > 1_700_000_000);
    }
    let answer = ada.post(paths::V1_CHAT_COMPLETIONS_ALIAS, &asking("tokens:2")).await.value(200);
    assert_eq!(answer["usage"]["completion_tokens"], 2);
}
