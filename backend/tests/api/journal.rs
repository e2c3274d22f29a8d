//! The journal when the database goes away: readers see a pause, and nothing else.

use shared::{Message, MessageStatus, SendAccepted, StreamEvent, UserId};
use store::TestDatabase;
use tokio_postgres::{Client, NoTls};

use crate::support::{Reader, TestApp};

/// Ends every connection to a database.
const BREAK: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1";

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_survives_connections_that_break() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let (cluster, name) = cluster_of(&app.database).await;
    let sent = ada.say("tokens:300 pause:2").await;
    let mut reader = ada.follow(&sent).await;
    for seq in [1, 4, 8] {
        until_chunk(&mut reader, seq).await;
        cluster.execute(BREAK, &[&name]).await.expect("broken connections");
    }
    let shown = reader.until_end(sent.generation_id).await;
    let kept = kept(&app, ada.account().id, &sent).await;
    assert_eq!((kept.status, &kept.content), (MessageStatus::Complete, &shown));
    assert_eq!(kept.usage.map(|usage| usage.completion_tokens), Some(300));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_survives_a_database_that_is_away() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let (cluster, name) = cluster_of(&app.database).await;
    let allow = async |allowed: bool| {
        let change = format!("ALTER DATABASE {name} WITH ALLOW_CONNECTIONS {allowed}");
        cluster.batch_execute(&change).await.expect("an ALTER DATABASE");
    };
    let sent = ada.say("tokens:400 pause:2").await;
    let mut reader = ada.follow(&sent).await;
    until_chunk(&mut reader, 2).await;
    allow(false).await;
    cluster.execute(BREAK, &[&name]).await.expect("broken connections");
    // The engine writes on meanwhile.
    for _ in 0..30 {
        assert!(app.state().store.ping().await.is_err());
    }
    allow(true).await;
    let shown = reader.until_end(sent.generation_id).await;
    let errors = reader.seen.iter().filter(|event| matches!(event, StreamEvent::Error { .. })).count();
    assert_eq!(errors, 0);
    let kept = kept(&app, ada.account().id, &sent).await;
    assert_eq!((kept.status, kept.content), (MessageStatus::Complete, shown));
}

async fn until_chunk(reader: &mut Reader, at_least: u32) {
    reader.until(|event| matches!(event, StreamEvent::Delta { seq, .. } if *seq >= at_least)).await;
}

/// Beside the server's pool, whose connections may be broken still.
async fn kept(app: &TestApp, user: UserId, sent: &SendAccepted) -> Message {
    loop {
        match app.state().store.message(user, sent.message_id).await {
            Ok(message) => return message,
            Err(error) => assert!(error.is_retryable(), "{error}"),
        }
    }
}

/// A connection to another database of the same cluster, and the name of the test's own.
async fn cluster_of(database: &TestDatabase) -> (Client, String) {
    let own = database.client().await;
    let row = own.query_one("SELECT current_database()::text", &[]).await.expect("a name");
    let name: String = row.get(0);
    let mut config: tokio_postgres::Config = database.url().parse().expect("an address");
    let (client, connection) = config.dbname("postgres").connect(NoTls).await.expect("the cluster");
    tokio::spawn(connection);
    (client, name)
}
