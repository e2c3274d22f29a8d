//! The PostgreSQL that Oriel runs by itself: killed, whole or in part, and left behind by a server that was killed.

use std::path::Path;
use std::time::Instant;

use engine::scripted::ScriptedModel;
use serde_json::json;
use shared::{MessageStatus, Session, StreamEvent, paths};

use crate::outage::foretold;
use crate::support::TestApp;
use crate::support::postgres::{PrivatePostgres, directory, kill};

const QUESTION: &str = "tokens:4000 pause:1";

/// A server that runs a PostgreSQL of its own.
async fn app_in(data_dir: &Path) -> TestApp {
    TestApp::builder()
        .set("DATABASE_URL", "")
        .set("DATA_DIR", data_dir.display().to_string())
        .set("DATABASE_PATIENCE_S", "60")
        .set("CONTEXT_TOKENS", "16384")
        .model("scripted", ScriptedModel { context_tokens: 16_384, ..ScriptedModel::default() })
        .start()
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_postgresql_that_is_killed_whole_or_in_part_is_back_at_once_and_answers_go_on() {
    let directory = directory();
    let mut app = app_in(directory.path()).await;
    let postgres = PrivatePostgres::of(directory.path());
    let ada = app.user().await;
    let sent = ada.say(QUESTION).await;
    let mut watched = ada.watch(&sent).await;
    for whole in [true, false, true] {
        let victim = if whole { postgres.pid().expect("a process") } else { postgres.children()[0] };
        let outages = app.state().store.availability().outages();
        kill(victim);
        let killed = Instant::now();
        // Whoever asks meanwhile waits.
        while app.state().store.availability().outages() == outages {
            ada.get(paths::CONVERSATIONS).await.expect(200);
        }
        app.state().store.until_up().await;
        let back = Instant::now();
        let next = watched.text_after(back).await;
        eprintln!("it was back {:?} after the kill, and text came {next:?} later", back - killed);
    }
    assert_eq!(watched.until_end().await, foretold(QUESTION));
    app.shut_down().await;
    assert_eq!(postgres.pid(), None, "it ends with its server");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_finds_its_postgresql_again_and_goes_on_with_its_answers() {
    let directory = directory();
    let settings = app_settings().await;
    let changes = [("DATABASE_URL", ""), ("BCRYPT_COST", "10")];
    let mut first = settings.process_in(directory.path(), &changes).await;
    let postgres = PrivatePostgres::of(directory.path());
    let registration = json!({"email": "ada@example.org", "name": "Ada", "password": "correct horse"});
    let anonymous = settings.anonymous().at_url(first.url());
    let session: Session = anonymous.post(paths::AUTH_REGISTER, &registration).await.json(200);
    let ada = anonymous.signed_in(session);
    let sent = ada.say(QUESTION).await;
    let mut before = ada.follow(&sent).await;
    before.until(|event| matches!(event, StreamEvent::Delta { .. })).await;

    let database = postgres.pid().expect("a PostgreSQL that runs");
    first.kill().await;
    let killed = Instant::now();
    assert_eq!(postgres.pid(), Some(database), "it outlives its server");
    let mut second = settings.process_in(directory.path(), &changes).await;
    let started = killed.elapsed();
    assert_eq!(postgres.pid(), Some(database), "and is found again");
    let ada = ada.at_url(second.url());
    let mut after = ada.follow(&sent).await;
    after.until(|event| matches!(event, StreamEvent::Delta { epoch: 2, .. })).await;
    eprintln!("the server was there again after {started:?}, and new text after {:?}", killed.elapsed());
    let shown = after.until_end(sent.generation_id).await;
    assert_eq!(shown, foretold(QUESTION));
    assert!(before.answers.get(sent.generation_id).is_some_and(|seen| shown.starts_with(&seen.text)));
    let kept = ada.message(sent.conversation_id, sent.message_id).await;
    assert_eq!((kept.status, kept.content), (MessageStatus::Complete, shown));
    second.terminate().await;
    assert_eq!(postgres.pid(), None, "it ends with the server that found it");
}

/// For the settings of a server, its model among them.
async fn app_settings() -> TestApp {
    TestApp::builder()
        .set("CONTEXT_TOKENS", "16384")
        .model("scripted", ScriptedModel { context_tokens: 16_384, ..ScriptedModel::default() })
        .start()
        .await
}
