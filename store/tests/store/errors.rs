use shared::ConversationId;
use store::{Store, StoreConfig, StoreError};

use crate::fixture::World;

#[tokio::test]
async fn connections_that_the_server_ends_are_retryable_and_replaced() {
    let world = World::new().await;
    world.store.ping().await.unwrap();
    world
        .sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE datname = current_database() AND application_name = 'oriel'",
        )
        .await;
    // The pool notices a dead connection by itself or when it is used: each fails one call at most.
    let mut failed = 0;
    while let Err(error) = world.store.ping().await {
        assert!(error.is_retryable(), "{error:?}");
        failed += 1;
        assert!(failed <= 8, "more calls failed than there were connections");
    }
}

#[tokio::test]
async fn connections_that_died_while_nobody_used_them_fail_no_call() {
    let world = World::new().await;
    // Several of them.
    futures_util::future::join_all((0..6).map(|_| world.store.ping())).await;
    let client = world.database.client().await;
    let began = std::time::Instant::now();
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = 'oriel'";
    assert!(!client.query(end, &[]).await.unwrap().is_empty());
    // So long that the server could have been started again.
    while began.elapsed() < std::time::Duration::from_millis(60) {
        client.query("SELECT 1", &[]).await.unwrap();
    }
    for result in futures_util::future::join_all((0..6).map(|_| world.store.ping())).await {
        result.unwrap();
    }
}

#[tokio::test]
async fn an_outage_is_noticed_and_its_end_is_told_to_everybody_who_waits() {
    let world = World::new().await;
    let (admin, name) = world.database.administrator().await;
    let allow = |allowed: bool| format!("ALTER DATABASE {name} WITH ALLOW_CONNECTIONS {allowed}");
    admin.batch_execute(&allow(false)).await.unwrap();
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1";
    admin.query(end, &[&name]).await.unwrap();
    while world.store.availability().is_up() {
        let _ = world.store.ping().await;
    }
    assert!(matches!(world.store.ping().await, Err(StoreError::Unavailable(_))));
    // Whoever knows why may tell.
    world.store.told_full();
    assert!(matches!(world.store.ping().await, Err(StoreError::StorageFull(_))));
    let waiting = tokio::spawn({
        let store = world.store.clone();
        async move { store.until_up().await }
    });
    admin.batch_execute(&allow(true)).await.unwrap();
    waiting.await.unwrap();
    world.store.ping().await.unwrap();
    assert_eq!(world.store.availability().outages(), 1);
}

#[tokio::test]
async fn a_server_that_is_told_to_end_a_query_is_unavailable() {
    let world = World::new().await;
    let lock = world.database.client().await;
    lock.batch_execute("BEGIN; LOCK TABLE users").await.unwrap();
    let waiting = tokio::spawn({
        let store = world.store.clone();
        async move { store.has_users().await }
    });
    let killer = world.database.client().await;
    let kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'";
    while killer.query(kill, &[]).await.unwrap().is_empty() {}
    let error = waiting.await.unwrap().unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unavailable_and_says_where_it_looked() {
    let config = StoreConfig::new("postgresql://oriel@%2Fnowhere/oriel");
    let Err(error) = Store::connect(&config).await else { panic!("connected to nothing") };
    assert!(error.is_retryable());
    assert!(error.to_string().contains("No such file"), "{error}");
}

#[tokio::test]
async fn a_database_that_does_not_exist_is_named() {
    let world = World::new().await;
    let url = world.database.url().replace("oriel_test_", "oriel_missing_");
    let Err(error) = Store::connect(&StoreConfig::new(url)).await else { panic!("connected to nothing") };
    assert!(error.to_string().contains("oriel_missing_"), "{error}");
}

#[tokio::test]
async fn a_closed_store_is_unavailable() {
    let world = World::new().await;
    world.store.close();
    assert!(matches!(world.store.ping().await, Err(StoreError::Unavailable(_))));
}

#[tokio::test]
async fn a_full_disk_is_told_apart() {
    let world = World::new().await;
    // The very words of the server; a real full disk needs a file system of its own.
    world
        .sql(
            "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                 RAISE EXCEPTION 'could not extend file \"base/1/2\": No space left on device'
                     USING ERRCODE = 'disk_full';
             END $$;
             CREATE TRIGGER full_disk BEFORE INSERT ON conversations EXECUTE FUNCTION full_disk()",
        )
        .await;
    let result = world.store.create_conversation(world.ada, ConversationId::new(), &Default::default()).await;
    assert!(matches!(result, Err(StoreError::StorageFull(_))), "{result:?}");
}

#[tokio::test]
async fn a_fault_is_internal_and_keeps_its_cause() {
    let world = World::new().await;
    world.sql("DROP TABLE login_throttle").await;
    let error = world.store.login_succeeded("a", "b").await.unwrap_err();
    assert!(matches!(error, StoreError::Internal(_)));
    assert!(!error.is_retryable());
    assert!(std::error::Error::source(&error).unwrap().to_string().contains("login_throttle"));
}

#[tokio::test]
async fn a_full_pool_is_unavailable_after_a_while_and_not_forever() {
    let world = World::new().await;
    let mut config = StoreConfig::new(world.database.url());
    config.max_connections = 1;
    let store = Store::connect(&config).await.unwrap();
    let lock = world.database.client().await;
    lock.batch_execute("BEGIN; LOCK TABLE users").await.unwrap();
    let holder = tokio::spawn({
        let store = store.clone();
        async move { store.has_users().await }
    });
    let waits = "SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'";
    while world.count(waits).await == 0 {}
    let waiter = store.ping().await;
    assert!(matches!(waiter, Err(StoreError::Unavailable(_))), "{waiter:?}");
    lock.batch_execute("ROLLBACK").await.unwrap();
    assert!(holder.await.unwrap().unwrap());
    store.ping().await.unwrap();
}
