//! Readers that do not read: they cost nothing, delay nobody, and miss nothing when they read again.

use std::net::SocketAddr;

use backend::services::generation::live::{Topic, WAITING_EVENTS};
use futures_util::future::join_all;
use shared::reducer::{Answers, Outcome};
use shared::sse::Decoder;
use shared::{GenerationId, SendAccepted, StreamEvent, paths};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

use crate::support::{Actor, TestApp};

/// An answer of three megabytes.
const LONG: &str = "large tokens:3000";
const READERS: usize = 40;
/// What this process, the server and its clients, may grow by while that many readers do not read. Were anything of the
/// answer kept for each of them, it would be a hundred and twenty.
const GROWTH_MAX_MIB: u64 = 60;

/// A reader whose system keeps next to nothing for it either.
struct Sleeper {
    connection: TcpStream,
}

impl Sleeper {
    async fn open(app: &TestApp, person: &Actor, sent: &SendAccepted) -> Self {
        let address: SocketAddr = app.url().trim_start_matches("http://").parse().expect("an address");
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_recv_buffer_size(4096).expect("a small buffer");
        let mut connection = socket.connect(address).await.expect("a connection");
        // Without chunks, as HTTP/1.0 wants it: the body is what comes until the end.
        let path = paths::stream_conversation(sent.conversation_id);
        let request = format!("GET {path} HTTP/1.0\r\nAuthorization: Bearer {}\r\n\r\n", person.token());
        connection.write_all(request.as_bytes()).await.expect("a request");
        Self { connection }
    }

    /// Reads until the answer has ended, and returns its text.
    async fn wake(mut self, id: GenerationId) -> String {
        let (mut bytes, mut decoder, mut answers) = (Vec::new(), Decoder::new(), Answers::new());
        let mut is_body = false;
        loop {
            assert_ne!(self.connection.read_buf(&mut bytes).await.expect("the stream"), 0, "it ended");
            if !is_body {
                let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else { continue };
                let head = String::from_utf8(bytes.drain(..end + 4).collect()).expect("a head");
                assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && !head.contains("chunked"), "{head}");
                is_body = true;
            }
            for event in decoder.push(&std::mem::take(&mut bytes)).expect("events") {
                let event: StreamEvent = serde_json::from_str(&event.data).expect("an event");
                assert_ne!(answers.apply(&event), Outcome::Gap, "{event:?}");
                match event {
                    StreamEvent::Done { generation_id, .. } if generation_id == id => {
                        return answers.get(id).expect("an answer").text.clone();
                    }
                    StreamEvent::Error { error, .. } => panic!("{error:?}"),
                    _ => {}
                }
            }
        }
    }
}

fn resident_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("this process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
    line.split_whitespace().next().and_then(|kib| kib.parse::<u64>().ok()).expect("a number") / 1024
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_that_do_not_read_cost_nothing_delay_nobody_and_miss_nothing() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let sent = ada.say(LONG).await;
    let mut sleepers = Vec::new();
    for _ in 0..READERS {
        sleepers.push(Sleeper::open(&app, &ada, &sent).await);
    }
    let hub = app.state().generations.hub();
    let topic = Topic::Conversation(sent.conversation_id);
    let mut reader = ada.follow(&sent).await;
    reader.until(|event| matches!(event, StreamEvent::Delta { .. })).await;
    let before_mib = resident_mib();
    let whole = reader.until_end(sent.generation_id).await;
    let grown_mib = resident_mib().saturating_sub(before_mib);
    assert!(whole.len() > 3_000_000, "{} bytes", whole.len());

    let waiting = hub.waiting(topic);
    assert!(waiting.len() > READERS, "all of them are still there: {waiting:?}");
    assert!(waiting.iter().all(|events| *events <= WAITING_EVENTS), "{waiting:?}");
    assert!(grown_mib < GROWTH_MAX_MIB, "{grown_mib} MiB more");

    let texts = join_all(sleepers.into_iter().map(|sleeper| sleeper.wake(sent.generation_id))).await;
    assert!(
        texts.iter().all(|text| *text == whole),
        "{:?}",
        texts.iter().map(String::len).collect::<Vec<_>>()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_goes_is_forgotten_at_once() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let sent = ada.say("endless pause:20").await;
    let mut reader = ada.follow(&sent).await;
    reader.until(|event| matches!(event, StreamEvent::Delta { .. })).await;
    let topic = Topic::Conversation(sent.conversation_id);
    let hub = app.state().generations.hub();
    assert!(hub.has_readers(topic));
    drop(reader);
    while hub.has_readers(topic) {
        tokio::task::yield_now().await;
    }
    ada.stop(&sent).await.expect(202);
}
