//! PostgreSQL gives no connection: others have them all.

use std::time::Instant;

use engine::scripted::ScriptedModel;
use shared::{ErrorCode, paths};
use tokio_postgres::{Client, NoTls};

use crate::outage::foretold;
use crate::support::TestApp;
use crate::support::postgres::Postgres;

const OURS: &str = "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'oriel%'";

/// Takes every connection that there is, those of the server too, and gives them when they are dropped.
async fn take_all(url: &str) -> Vec<Client> {
    let mut taken = Vec::new();
    loop {
        if let Ok((client, connection)) = tokio_postgres::connect(url, NoTls).await {
            tokio::spawn(connection);
            taken.push(client);
            continue;
        }
        let first = taken.first().expect("a connection");
        if first.query(OURS, &[]).await.expect("a list").is_empty() {
            return taken;
        }
        let end = format!("SELECT pg_terminate_backend(pid) FROM ({OURS}) AS ours");
        first.batch_execute(&end).await.expect("their end");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_others_have_every_connection_answers_pause_and_requests_are_told_when_to_come_again() {
    let postgres = Postgres::start().await;
    let app = TestApp::builder()
        .set("DATABASE_URL", postgres.url())
        .set("DATABASE_PATIENCE_S", "1")
        .set("CONTEXT_TOKENS", "65536")
        .model("scripted", ScriptedModel { context_tokens: 65_536, ..ScriptedModel::default() })
        .start()
        .await;
    let bound = 4 * 1024;
    app.state().generations.hold_at_most(bound);
    let ada = app.user().await;
    let content = "tokens:8000 pause:1";
    let sent = ada.say(content).await;
    let mut watched = ada.watch(&sent).await;

    let taken = take_all(postgres.url()).await;
    let refused = ada.get(paths::CONVERSATIONS).await;
    refused.error(ErrorCode::DatabaseUnavailable);
    assert_eq!(refused.header("retry-after"), Some("2"));
    while app.state().generations.held_bytes() < bound {
        app.anonymous().get(paths::HEALTHZ).await.expect(200);
    }

    drop(taken);
    let room = Instant::now();
    eprintln!("text came {:?} after there were connections", watched.text_after(room).await);
    assert_eq!(watched.until_end().await, foretold(content));
    ada.get(paths::CONVERSATIONS).await.expect(200);
}
