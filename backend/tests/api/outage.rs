//! The database away: requests wait, answers pause, nothing is lost.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use engine::scripted::{ScriptedModel, expected_answer};
use engine::{ChatMessage, ChatRole, SamplingOptions};
use reqwest::Method;
use serde_json::json;
use shared::headers::IDEMPOTENCY_KEY;
use shared::page::Page;
use shared::{ConversationSummary, ErrorCode, GenerationId, MessageStatus, SendAccepted, StreamEvent, paths};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::support::postgres::Postgres;
use crate::support::{Actor, Answer, Reader, TestApp, message};

/// A server on a PostgreSQL of its own, with a patience longer than any restart takes on a busy machine.
async fn app_on(postgres: &Postgres) -> TestApp {
    with_patience(postgres, 60).await
}

async fn with_patience(postgres: &Postgres, seconds: u32) -> TestApp {
    TestApp::builder()
        .set("DATABASE_URL", postgres.url())
        .set("DATABASE_PATIENCE_S", seconds.to_string())
        .set("CONTEXT_TOKENS", "65536")
        .model("scripted", ScriptedModel { context_tokens: 65_536, ..ScriptedModel::default() })
        .start()
        .await
}

/// What the scripted worker answers to a first message.
pub fn foretold(content: &str) -> String {
    let options = SamplingOptions { temperature: Some(0.0), ..SamplingOptions::default() };
    let question = ChatMessage::new(ChatRole::User, content);
    expected_answer(&[question], &options.check().expect("options"))
}

/// A stream that is read all the time, so that it is known when each piece came.
pub struct Watched {
    came: watch::Receiver<Vec<Instant>>,
    reading: JoinHandle<(Reader, String)>,
}

impl Watched {
    /// Reads on in the background, to the end of the answer.
    pub fn new(mut reader: Reader, id: GenerationId) -> Self {
        let (told, came) = watch::channel(Vec::new());
        let reading = tokio::spawn(async move {
            loop {
                match reader.next().await.expect("an event before the stream ends") {
                    StreamEvent::Delta { .. } => told.send_modify(|came| came.push(Instant::now())),
                    StreamEvent::Done { generation_id, .. } if generation_id == id => break,
                    StreamEvent::Error { .. } => panic!("an error was told: {:?}", reader.seen.last()),
                    _ => {}
                }
            }
            let text = reader.answers.get(id).map(|answer| answer.text.clone()).unwrap_or_default();
            (reader, text)
        });
        Self { came, reading }
    }

    /// Waits for a piece that came after `since`, and tells how long after.
    pub async fn text_after(&mut self, since: Instant) -> Duration {
        let later = |came: &Vec<Instant>| came.iter().any(|at| *at > since);
        let came = self.came.wait_for(later).await.expect("text before the end");
        let first = came.iter().find(|at| **at > since).expect("a piece");
        *first - since
    }

    /// The whole answer.
    pub async fn until_end(self) -> String {
        self.reading.await.expect("a stream without an error").1
    }
}

impl Actor {
    /// Follows an answer in the background, from its beginning; returns after its first piece.
    pub async fn watch(&self, sent: &SendAccepted) -> Watched {
        let since = Instant::now();
        let mut watched = Watched::new(self.follow(sent).await, sent.generation_id);
        watched.text_after(since).await;
        watched
    }
}

/// Somebody who makes conversations, with a key and without, and reads the list. Returns how many were made.
async fn be_busy(actor: &Actor, enough: &AtomicBool, served: &AtomicUsize) -> usize {
    let mut made = 0;
    while !enough.load(Ordering::Relaxed) {
        let key = format!("key-{made}");
        let create = actor.request(Method::POST, paths::CONVERSATIONS).json(&json!({}));
        let create = if made % 2 == 0 { create } else { create.header(IDEMPOTENCY_KEY, key) };
        Answer::of(create).await.expect(201);
        made += 1;
        actor.get(paths::CONVERSATIONS).await.expect(200);
        served.fetch_add(1, Ordering::Relaxed);
    }
    made
}

#[tokio::test(flavor = "multi_thread")]
async fn a_postgresql_that_is_killed_is_felt_as_a_pause_by_requests_and_answers() {
    let postgres = Postgres::start().await;
    let app = app_on(&postgres).await;
    let (ada, bob) = (app.user().await, app.user().await);
    let content = "tokens:3000 pause:1";
    let sent = ada.say(content).await;
    let mut watched = ada.watch(&sent).await;

    let (enough, served) = (AtomicBool::new(false), AtomicUsize::new(0));
    let watching = async {
        for _ in 0..2 {
            let before = served.load(Ordering::Relaxed);
            while served.load(Ordering::Relaxed) < before + 5 {
                watched.text_after(Instant::now()).await;
            }
            let killed = Instant::now();
            postgres.kill().await;
            let back = Instant::now();
            let next = watched.text_after(back).await;
            eprintln!("PostgreSQL was away for {:?}; text came {next:?} after it was back", back - killed);
        }
        let shown = watched.until_end().await;
        enough.store(true, Ordering::Relaxed);
        shown
    };
    let (shown, made) = tokio::join!(watching, be_busy(&bob, &enough, &served));
    assert_eq!(shown, foretold(content));
    let kept = ada.message(sent.conversation_id, sent.message_id).await;
    assert_eq!((kept.status, kept.content), (MessageStatus::Complete, shown));

    let mut cursor = None;
    let mut there = 0;
    loop {
        let query =
            cursor.map(|cursor| format!("?limit=200&cursor={cursor}")).unwrap_or_else(|| "?limit=200".into());
        let page: Page<ConversationSummary> =
            bob.get(&format!("{}{query}", paths::CONVERSATIONS)).await.json(200);
        there += page.items.len();
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(there, made, "each was made exactly once");
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_database_stays_away_requests_wait_for_a_bounded_time_and_answers_for_as_long_as_it_takes()
{
    let mut postgres = Postgres::start().await;
    let app = with_patience(&postgres, 1).await;
    let ada = app.user().await;
    let content = "tokens:2000 pause:1";
    let sent = ada.say(content).await;
    let mut watched = ada.watch(&sent).await;
    postgres.take_away().await;

    for request in [
        ada.request(Method::GET, paths::CONVERSATIONS),
        ada.request(Method::POST, paths::CHAT).json(&message("tokens:1")),
        app.anonymous().request(Method::GET, paths::AUTH_SETUP),
    ] {
        let asked = Instant::now();
        let answer = Answer::of(request).await;
        // The list of who has signed out is fresh for some seconds; an account that is known needs no question.
        if answer.status != 200 {
            answer.error(ErrorCode::DatabaseUnavailable);
            assert_eq!(answer.header("retry-after"), Some("2"));
            assert!(asked.elapsed() >= Duration::from_secs(1), "{:?}", asked.elapsed());
        }
    }
    let asked = Instant::now();
    app.anonymous().get(paths::READYZ).await.error(ErrorCode::DatabaseUnavailable);
    assert!(asked.elapsed() < Duration::from_secs(1), "a health check does not wait");

    postgres.bring_back().await;
    let back = Instant::now();
    eprintln!("text came {:?} after PostgreSQL was back", watched.text_after(back).await);
    assert_eq!(watched.until_end().await, foretold(content));
    ada.get(paths::CONVERSATIONS).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_so_many_requests_wait_and_the_others_hear_at_once_when_to_come_again() {
    let mut postgres = Postgres::start().await;
    let app = app_on(&postgres).await;
    let ada = app.user().await;
    postgres.take_away().await;
    let places: Vec<_> = std::iter::from_fn(|| app.state().waiting_room.enter()).collect();
    assert_eq!(places.len(), backend::middleware::patience::PLACES);
    while app.state().store.availability().is_up() {
        app.anonymous().get(paths::READYZ).await.error(ErrorCode::DatabaseUnavailable);
    }
    let refused = ada.get(paths::CONVERSATIONS).await;
    refused.error(ErrorCode::DatabaseUnavailable);
    assert_eq!(refused.header("retry-after"), Some("2"));
    drop(places);
    let ((), served) = tokio::join!(postgres.bring_back(), ada.get(paths::CONVERSATIONS));
    served.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_faster_than_the_outage_is_long_pauses_and_is_held_within_its_bound() {
    let mut postgres = Postgres::start().await;
    let app = app_on(&postgres).await;
    let ada = app.user().await;
    // More than may be held here and in the engine (64 KiB) together.
    let (content, bound, event) = ("tokens:30000", 8 * 1024, 80 * 1024);
    app.state().generations.hold_at_most(bound);
    let sent = ada.say(content).await;
    let watched = ada.watch(&sent).await;
    postgres.take_away().await;
    while app.state().generations.held_bytes() < bound {
        app.anonymous().get(paths::HEALTHZ).await.expect(200);
    }
    let mut most = 0;
    for _ in 0..300 {
        app.anonymous().get(paths::HEALTHZ).await.expect(200);
        most = most.max(app.state().generations.held_bytes());
    }
    // One event more than the bound, into which text has merged while nobody took it.
    assert!(most <= bound + event, "{most} bytes are held");
    postgres.bring_back().await;
    let shown = watched.until_end().await;
    assert!(shown == foretold(content), "{} bytes", shown.len());
}
