//! `/v1` as the clients of OpenAI's API meet it.

mod answers;
mod connection;
mod events;
mod refusals;
mod tools;

use std::collections::VecDeque;
use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, Response};
use serde_json::{Value, json};
use shared::paths;
use shared::sse::Decoder;

use crate::support::{Actor, Answer};

/// Far longer than anything that a test waits for, so that it ends with a message when the event never comes.
const PATIENCE: Duration = Duration::from_secs(20);

/// A request for the answer to one message. Greedy, so that the answer can be told beforehand.
fn asking(content: &str) -> Value {
    json!({ "messages": [{ "role": "user", "content": content }], "temperature": 0 })
}

/// The same request with other fields too.
fn with(mut request: Value, fields: Value) -> Value {
    let (Value::Object(request_fields), Value::Object(fields)) = (&mut request, fields) else {
        panic!("not objects")
    };
    request_fields.extend(fields);
    request
}

async fn complete(actor: &Actor, request: &Value) -> Answer {
    actor.post(paths::V1_CHAT_COMPLETIONS, request).await
}

/// The text of the only answer.
async fn text(actor: &Actor, request: &Value) -> String {
    let answer = complete(actor, request).await.value(200);
    let text = answer.pointer("/choices/0/message/content").and_then(Value::as_str);
    text.expect("a text").to_owned()
}

/// An error in OpenAI's shape: all four fields are there.
#[track_caller]
fn error(answer: &Answer, status: u16) -> Value {
    let body = answer.value(status);
    let error = body.get("error").expect("an error");
    let fields: Vec<&String> = error.as_object().expect("an error").keys().collect();
    assert_eq!(fields, ["code", "message", "param", "type"]);
    assert!(error.get("message").and_then(Value::as_str).is_some_and(|message| !message.is_empty()));
    assert_eq!(answer.header("x-request-id").map(str::len), Some(32));
    error.clone()
}

/// An answer that comes as events.
struct Stream {
    response: Response,
    decoder: Decoder,
    waiting: VecDeque<String>,
    /// All bytes so far.
    raw: String,
}

impl Stream {
    async fn open(actor: &Actor, request: &Value) -> Self {
        let request = with(request.clone(), json!({ "stream": true }));
        let response = actor.request(Method::POST, paths::V1_CHAT_COMPLETIONS).json(&request).send();
        let response = response.await.expect("an answer");
        assert_eq!(response.status().as_u16(), 200);
        assert!(
            response
                .headers()
                .get(CONTENT_TYPE)
                .is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"))
        );
        Self { response, decoder: Decoder::new(), waiting: VecDeque::new(), raw: String::new() }
    }

    /// The data of the next event; none at the end.
    async fn next(&mut self) -> Option<String> {
        while self.waiting.is_empty() {
            let received = tokio::time::timeout(PATIENCE, self.response.chunk()).await;
            let bytes = received.unwrap_or_else(|_| panic!("nothing came; so far: {}", self.raw));
            let bytes = bytes.expect("a whole stream")?;
            self.raw.push_str(std::str::from_utf8(&bytes).expect("whole characters"));
            self.waiting
                .extend(self.decoder.push(&bytes).expect("events").into_iter().map(|event| event.data));
        }
        self.waiting.pop_front()
    }

    /// All further events, read.
    async fn rest(&mut self) -> Vec<Value> {
        let mut chunks = Vec::new();
        while let Some(data) = self.next().await {
            if data != "[DONE]" {
                chunks.push(serde_json::from_str(&data).expect("JSON"));
            }
        }
        chunks
    }
}

/// What the events say of one answer.
fn told(chunks: &[Value], choice: u64) -> String {
    let choices = chunks.iter().filter_map(|chunk| chunk.get("choices")?.as_array()).flatten();
    let ours = choices.filter(|one| one.get("index").and_then(Value::as_u64) == Some(choice));
    ours.filter_map(|one| one.pointer("/delta/content")?.as_str()).collect()
}
