//! PostgreSQL on a disk that is really full. The disk is a small file system of its own, which only root may mount: so
//! these tests are ignored by default, and `cargo xtask test disk` runs them, or says that it cannot.

use std::time::Instant;

use engine::scripted::ScriptedModel;
use serde_json::{Value, json};
use shared::{ClientId, ErrorCode, paths};
use store::{ReplicaId, Store, StoreConfig, StoreError};
use tokio_postgres::NoTls;
use uuid::Uuid;

use crate::outage::foretold;
use crate::support::postgres::{Postgres, PrivatePostgres, SmallDisk};
use crate::support::{Actor, Answer, Builder, TestApp};

/// A new cluster with our tables takes 64 MiB, 16 of them the log.
const DISK_MIB: u32 = 160;

/// A server with everything of its own on a disk that can be filled.
async fn app_on(disk: &SmallDisk) -> TestApp {
    let data = disk.path().join("data").display().to_string();
    app(TestApp::builder().set("DATABASE_URL", "").set("DATA_DIR", data)).await
}

async fn app(builder: Builder) -> TestApp {
    builder
        .set("DATABASE_PATIENCE_S", "1")
        .set("CONTEXT_TOKENS", "16384")
        .model("scripted", ScriptedModel { context_tokens: 16_384, ..ScriptedModel::default() })
        .start()
        .await
}

/// Somebody says something long.
async fn say_much(actor: &Actor) -> Answer {
    let text: String = std::iter::repeat_with(|| ClientId::new().to_string()).take(2_000).collect();
    let body: Value = json!({"client_id": ClientId::new(), "content": format!("tokens:1 {text}")});
    actor.post(paths::CHAT, &body).await
}

/// Writes until there is no room, which is told with what to do.
async fn until_full(actor: &Actor) {
    loop {
        let answer = say_much(actor).await;
        if answer.status == 202 {
            continue;
        }
        let error = answer.error(ErrorCode::StorageFull);
        assert_eq!(answer.status, 503);
        assert_eq!((answer.header("retry-after"), error.retry_after_s), (Some("10"), Some(10)));
        assert!(error.message.contains("free space"), "{}", error.message);
        return;
    }
}

/// The answer goes on in the engine, and what it says is held.
async fn until_held(app: &TestApp, bytes: usize) {
    while app.state().generations.held_bytes() < bytes {
        app.anonymous().get(paths::HEALTHZ).await.expect(200);
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "has to mount a file system: `cargo xtask test disk` runs it as root"]
async fn on_a_full_disk_answers_pause_and_requests_are_told_why_until_there_is_room() {
    let disk = SmallDisk::mount(DISK_MIB);
    let app = app_on(&disk).await;
    let bound = 4 * 1024;
    app.state().generations.hold_at_most(bound);
    let ada = app.user().await;
    let content = "tokens:8000 pause:1";
    let sent = ada.say(content).await;
    let mut watched = ada.watch(&sent).await;

    disk.fill();
    until_full(&ada).await;
    until_held(&app, bound).await;
    // Reading needs no room.
    ada.get(paths::CONVERSATIONS).await.expect(200);

    disk.make_room();
    let room = Instant::now();
    eprintln!("text came {:?} after there was room", watched.text_after(room).await);
    say_much(&ada).await.expect(202);
    assert_eq!(watched.until_end().await, foretold(content));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "has to mount a file system: `cargo xtask test disk` runs it as root"]
async fn a_postgresql_that_ends_on_a_full_disk_is_told_as_such_and_comes_back_by_itself() {
    let disk = SmallDisk::mount(DISK_MIB);
    let mut app = app_on(&disk).await;
    let ada = app.user().await;
    let content = "tokens:8000 pause:1";
    let sent = ada.say(content).await;
    let mut watched = ada.watch(&sent).await;

    disk.fill();
    // Its log needs a new file and gets none: a panic, and the recovery after it needs room too.
    let postgres = PrivatePostgres::of(&disk.path().join("data"));
    let client = postgres.client().await;
    while client.batch_execute("SELECT pg_switch_wal(); CREATE TABLE more (); DROP TABLE more").await.is_ok()
    {
    }
    while app.state().store.availability().is_up() || !app.state().store.is_away_for_room() {
        app.anonymous().get(paths::HEALTHZ).await.expect(200);
    }
    for _ in 0..3 {
        app.anonymous().get(paths::READYZ).await.error(ErrorCode::StorageFull);
    }
    until_full(&ada).await;
    let refused = ada.get(paths::CONVERSATIONS).await;
    assert_eq!(refused.error(ErrorCode::StorageFull).retry_after_s, Some(10));

    disk.make_room();
    let room = Instant::now();
    eprintln!("text came {:?} after there was room", watched.text_after(room).await);
    assert_eq!(watched.until_end().await, foretold(content));
    say_much(&ada).await.expect(202);
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "has to mount a file system: `cargo xtask test disk` runs it as root"]
async fn the_full_disk_of_a_postgresql_that_others_run_is_told_as_such_before_and_after_its_end() {
    let disk = SmallDisk::mount(DISK_MIB);
    let mut postgres = Postgres::start_in(disk.path()).await;
    let mut app = app(TestApp::builder().set("DATABASE_URL", postgres.url())).await;
    let ada = app.user().await;
    let content = "tokens:8000 pause:1";
    let sent = ada.say(content).await;
    let mut watched = ada.watch(&sent).await;

    disk.fill();
    until_full(&ada).await;
    ada.get(paths::CONVERSATIONS).await.expect(200);
    // It ends without a word to us, as when one of its own processes found no room for the log.
    postgres.take_away().await;
    while app.state().store.availability().is_up() {
        app.anonymous().get(paths::HEALTHZ).await.expect(200);
    }
    for _ in 0..3 {
        app.anonymous().get(paths::READYZ).await.error(ErrorCode::StorageFull);
    }
    until_full(&ada).await;
    ada.get(paths::CONVERSATIONS).await.error(ErrorCode::StorageFull);

    disk.make_room();
    postgres.bring_back().await;
    let room = Instant::now();
    eprintln!("text came {:?} after there was room", watched.text_after(room).await);
    assert_eq!(watched.until_end().await, foretold(content));
    say_much(&ada).await.expect(202);
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "has to mount a file system: `cargo xtask test disk` runs it as root"]
async fn the_last_words_of_a_postgresql_that_finds_no_room_for_its_log_are_heard() {
    let disk = SmallDisk::mount(DISK_MIB);
    let postgres = Postgres::start_in(disk.path()).await;
    let store = Store::connect(&StoreConfig::new(postgres.url())).await.expect("a database");
    store.migrate().await.expect("the tables");
    let (beside, connection) = tokio_postgres::connect(postgres.url(), NoTls).await.expect("a connection");
    tokio::spawn(connection);
    let (me, boot) = (ReplicaId::new(), Uuid::now_v7());
    store.register_replica(me, boot).await.expect("a row");
    disk.fill();
    let heard = loop {
        // Almost to the end of a file of the log: the next one is made by us, or cannot be made.
        beside
            .batch_execute(
                "SELECT pg_logical_emit_message(false, '', repeat('x', greatest(0, 16760832 - file_offset)))
                 FROM pg_walfile_name_offset(pg_current_wal_insert_lsn())",
            )
            .await
            .expect("room in a file that is there");
        // The row is there, so that nothing but the log grows.
        let writes = async {
            for _ in 0..400 {
                store.register_replica(me, boot).await?;
            }
            Ok(())
        };
        if let Err(error) = writes.await {
            break error;
        }
    };
    assert!(matches!(heard, StoreError::StorageFull(_)), "{heard:?}");
    disk.make_room();
}
