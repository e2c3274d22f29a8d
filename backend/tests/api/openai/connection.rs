//! An answer belongs to its connection.

use reqwest::Method;
use serde_json::json;
use shared::{StreamEvent, paths};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::{Stream, asking, text};
use crate::support::TestApp;

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_closes_a_stream_frees_its_slot() {
    let app = TestApp::builder().set("SLOTS", "1").start().await;
    let ada = app.user().await;
    let mut stream = Stream::open(&ada, &asking("endless pause:5")).await;
    stream.next().await.expect("an event");
    drop(stream);
    text(&ada, &asking("tokens:2")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_wait_for_a_whole_answer_frees_its_slot() {
    let app = TestApp::builder().set("SLOTS", "1").start().await;
    let ada = app.user().await;
    // By hand, so that it is known when the request is on its way and when the connection is closed.
    let address = app.url().strip_prefix("http://").expect("an address");
    let mut connection = TcpStream::connect(address).await.expect("a connection");
    let body = asking("endless pause:5").to_string();
    let head = format!(
        "POST {} HTTP/1.1\r\nhost: oriel\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        paths::V1_CHAT_COMPLETIONS,
        ada.token(),
        body.len()
    );
    connection.write_all((head + &body).as_bytes()).await.expect("a request");

    // It has the slot as soon as somebody else has to wait for it.
    let (sent, mut waiting) = loop {
        let sent = ada.say("tokens:2").await;
        let mut reader = ada.follow(&sent).await;
        let decides =
            |event: &StreamEvent| matches!(event, StreamEvent::Queued { .. } | StreamEvent::Done { .. });
        if matches!(reader.until(decides).await, StreamEvent::Queued { .. }) {
            break (sent, reader);
        }
    };
    drop(connection);
    waiting.until_end(sent.generation_id).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_the_queue_makes_room() {
    let app = TestApp::builder().set("SLOTS", "1").set("QUEUE_CAPACITY", "1").start().await;
    let (ada, eve) = (app.user().await, app.user().await);
    let mut running = Stream::open(&ada, &asking("endless pause:5")).await;
    running.next().await.expect("an event");
    let sent = eve.say("tokens:2").await;
    let mut reader = eve.follow(&sent).await;
    reader.until(|event| matches!(event, StreamEvent::Queued { .. })).await;
    drop(running);
    reader.until_end(sent.generation_id).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_key_ends_its_answers() {
    let app = TestApp::builder().set("SLOTS", "1").start().await;
    let ada = app.user().await;
    let made = ada.make_key("a program").await;
    let mut stream = Stream::open(&ada.program(&made), &asking("endless pause:5")).await;
    stream.next().await.expect("an event");
    ada.delete(&paths::me_key(made.key.id)).await.expect(204);
    let chunks = stream.rest().await;
    assert_eq!(chunks.last().expect("an end")["error"]["code"], "invalid_api_key");
    text(&ada, &asking("tokens:2")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn going_down_the_server_tells_its_clients() {
    let mut app = TestApp::start().await;
    let ada = app.user().await;
    let mut stream = Stream::open(&ada, &asking("endless pause:5")).await;
    stream.next().await.expect("an event");
    let ((), chunks) = tokio::join!(app.shut_down(), stream.rest());
    let error = &chunks.last().expect("an end")["error"];
    assert_eq!((&error["type"], &error["code"]), (&json!("server_error"), &json!("shutting_down")));
    let refused = ada.request(Method::GET, paths::V1_MODELS).send().await;
    assert!(refused.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_rests_because_its_process_died_is_waited_for_and_not_refused() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    for _ in 0..3 {
        let died = ada.post(paths::V1_CHAT_COMPLETIONS, &asking("crash:1")).await;
        died.expect(502);
        assert_eq!(died.header("x-should-retry"), None, "clients come again after a 502");
    }
    text(&ada, &asking("tokens:2")).await;
}
