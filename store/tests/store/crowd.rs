//! PostgreSQL has no connection to give.

use store::{Store, StoreConfig, StoreError, TestDatabase};
use tokio_postgres::Client;

/// A role that may have so many connections to the database; superusers, as the tests' own role, have no limit.
async fn limited(database: &TestDatabase, connections: u32) -> (Store, Client) {
    let (admin, name) = database.administrator().await;
    let url = database.url();
    let (scheme, rest) = url.split_once("://").unwrap();
    let (_, place) = rest.split_once('@').unwrap();
    let make = format!("CREATE ROLE {name} LOGIN CONNECTION LIMIT {connections}");
    admin.batch_execute(&make).await.unwrap();
    let beside = database.client().await;
    beside.batch_execute(&format!("GRANT SELECT ON ALL TABLES IN SCHEMA public TO {name}")).await.unwrap();
    let store = Store::connect(&StoreConfig::new(format!("{scheme}://{name}@{place}"))).await.unwrap();
    (store, beside)
}

/// So many calls of the store wait for a lock.
async fn until_waiting(database: &TestDatabase, calls: i64) {
    // Outside of a transaction: inside one the list stays as it was at first.
    let beside = database.client().await;
    let waits = "SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock'";
    while beside.query_one(waits, &[]).await.unwrap().get::<_, i64>(0) < calls {}
}

async fn remove(database: TestDatabase) {
    let (admin, role) = database.administrator().await;
    drop(database);
    // Fails while somebody still has a connection of it, and then it is left: it can do nothing without its database.
    let _ = admin.batch_execute(&format!("DROP ROLE {role}")).await;
}

#[tokio::test]
async fn a_call_waits_for_a_connection_that_another_one_gives_back() {
    let database = TestDatabase::create().await;
    let (store, beside) = limited(&database, 2).await;
    beside.batch_execute("BEGIN; LOCK TABLE users").await.unwrap();
    let held = || {
        let store = store.clone();
        tokio::spawn(async move { store.has_users().await })
    };
    let (first, second) = (held(), held());
    until_waiting(&database, 2).await;
    // A refusal comes at once, and is not the end.
    let mut third = Box::pin(store.has_users());
    let refused = tokio::time::timeout(std::time::Duration::from_millis(300), &mut third).await;
    assert!(refused.is_err(), "{refused:?}");
    beside.batch_execute("ROLLBACK").await.unwrap();
    for call in [first, second] {
        assert!(!call.await.unwrap().unwrap());
    }
    assert!(!third.await.unwrap());
    assert!(store.availability().is_up(), "a crowd is no outage");
    store.close();
    remove(database).await;
}

#[tokio::test]
async fn a_call_that_gets_none_is_unavailable_after_a_while() {
    let database = TestDatabase::create().await;
    let (store, beside) = limited(&database, 1).await;
    beside.batch_execute("BEGIN; LOCK TABLE users").await.unwrap();
    let holder = tokio::spawn({
        let store = store.clone();
        async move { store.has_users().await }
    });
    until_waiting(&database, 1).await;
    let error = store.ping().await.unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    assert!(error.to_string().contains("53300"), "{error}");
    assert!(store.availability().is_up(), "a crowd is no outage");
    beside.batch_execute("ROLLBACK").await.unwrap();
    assert!(!holder.await.unwrap().unwrap());
    store.close();
    remove(database).await;
}

#[tokio::test]
async fn a_server_knows_what_it_is_granted() {
    let database = TestDatabase::create().await;
    let (store, beside) = limited(&database, 40).await;
    beside
        .batch_execute(
            "INSERT INTO replicas (id, boot_id, lease_until)
             SELECT gen_random_uuid(), gen_random_uuid(), now() + make_interval(mins => number - 3)
             FROM generate_series(1, 5) AS number",
        )
        .await
        .unwrap();
    let survey = store.survey().await.unwrap();
    assert_eq!((survey.servers, survey.granted), (2, 40), "of five servers two hold a lease");
    assert_eq!(survey.shortage(16), None);
    assert_eq!(survey.shortage(17).map(|shortage| (shortage.wanted, shortage.pool)), Some((42, 16)));
    store.close();
    remove(database).await;
}
