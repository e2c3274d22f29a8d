//! The journal when the database goes away: readers see a pause, and nothing else.

use shared::{MessageStatus, StreamEvent};

use crate::support::{Reader, TestApp};

/// Ends every connection to the database but the one that says so.
const BREAK_OTHERS: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()";

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_survives_connections_that_break() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let sent = ada.say("tokens:300 pause:2").await;
    let mut reader = ada.follow(&sent).await;
    for seq in [1, 4, 8] {
        until_chunk(&mut reader, seq).await;
        let database = app.database.client().await;
        database.execute(BREAK_OTHERS, &[]).await.expect("broken connections");
    }
    let shown = reader.until_end(sent.generation_id).await;
    let kept = app.database.store().message(ada.account().id, sent.message_id).await.expect("the message");
    assert_eq!((kept.status, &kept.content), (MessageStatus::Complete, &shown));
    assert_eq!(kept.usage.map(|usage| usage.completion_tokens), Some(300));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_survives_a_database_that_is_away() {
    let app = TestApp::start().await;
    let ada = app.user().await;
    let sent = ada.say("tokens:400 pause:2").await;
    let mut reader = ada.follow(&sent).await;
    until_chunk(&mut reader, 2).await;
    let database = app.database.client().await;
    let name: String =
        database.query_one("SELECT current_database()::text", &[]).await.expect("its name").get(0);
    let allow = async |allowed: bool| {
        let change = format!("ALTER DATABASE {name} WITH ALLOW_CONNECTIONS {allowed}");
        database.batch_execute(&change).await.expect("an ALTER DATABASE");
    };
    allow(false).await;
    database.execute(BREAK_OTHERS, &[]).await.expect("broken connections");
    // The engine writes on meanwhile.
    for _ in 0..30 {
        assert!(app.state().store.ping().await.is_err());
    }
    allow(true).await;
    let shown = reader.until_end(sent.generation_id).await;
    assert!(!reader.seen.iter().any(|event| matches!(event, StreamEvent::Error { .. })), "{:?}", reader.seen);
    let kept = app.database.store().message(ada.account().id, sent.message_id).await.expect("the message");
    assert_eq!((kept.status, kept.content), (MessageStatus::Complete, shown));
}

async fn until_chunk(reader: &mut Reader, at_least: u32) {
    reader.until(|event| matches!(event, StreamEvent::Delta { seq, .. } if *seq >= at_least)).await;
}
