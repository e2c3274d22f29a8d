use std::collections::BTreeSet;

use store::{Store, StoreConfig, TestDatabase};
use tokio_postgres::Client;

use crate::fixture::World;

/// Every column of every table, with its type, and every constraint and index.
async fn tables(client: &Client) -> BTreeSet<String> {
    let query = "
        SELECT format('%s.%s %s %s', table_name, column_name, udt_name, is_nullable)
        FROM information_schema.columns WHERE table_schema = 'public' AND table_name !~ '[0-9]$'
        UNION ALL
        SELECT pg_get_constraintdef(oid) FROM pg_constraint
        WHERE connamespace = 'public'::regnamespace AND conrelid::regclass::text !~ '[0-9]$'
        UNION ALL
        SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename !~ '[0-9]$'";
    client.query(query, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn migrations_go_up_down_and_up_again() {
    let database = TestDatabase::create().await;
    let (store, client) = (database.store(), database.client().await);
    let up = tables(&client).await;
    assert!(store.migrate().await.unwrap().is_empty(), "the template has them all");
    let reverted = store.revert_migrations().await.unwrap();
    let left = tables(&client).await;
    assert!(
        left.iter().all(|line| line.contains("__diesel_schema_migrations") || line.contains("version")),
        "{left:?}"
    );
    assert_eq!(store.migrate().await.unwrap().len(), reverted.len());
    assert_eq!(tables(&client).await, up);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn servers_that_start_together_migrate_once() {
    let database = TestDatabase::create().await;
    let all = database.store().revert_migrations().await.unwrap().len();
    let starts: Vec<_> = (0..4)
        .map(|_| {
            let config = StoreConfig::new(database.url());
            tokio::spawn(async move { Store::connect(&config).await.unwrap().migrate().await.unwrap().len() })
        })
        .collect();
    let mut ran = Vec::new();
    for start in starts {
        ran.push(start.await.unwrap());
    }
    ran.sort_unstable();
    assert_eq!(ran, [0, 0, 0, all]);
}

#[tokio::test]
async fn schema_matches_the_migrations() {
    let world = World::new().await;
    let source = include_str!("../../src/schema.rs");
    let mut declared = BTreeSet::new();
    for table in source.split("diesel::table! {").skip(1) {
        let name = table.trim().split(' ').next().unwrap();
        for line in table.lines().filter(|line| line.contains(" -> ") && line.ends_with(',')) {
            let (column, kind) = line.trim().trim_end_matches(',').split_once(" -> ").unwrap();
            declared.insert(format!("{name}.{column} {kind}"));
        }
    }
    let client = world.database.client().await;
    let query = "
        SELECT table_name::text, column_name::text, udt_name::text, is_nullable = 'YES'
        FROM information_schema.columns WHERE table_schema = 'public' AND table_name !~ '[0-9]$'
            AND table_name NOT IN ('__diesel_schema_migrations', 'login_throttle', 'settings',
                'idempotency_keys')";
    let kind = |udt: &str, nullable: bool| {
        let kind = match udt {
            "uuid" => "Uuid",
            "text" => "Text",
            "bool" => "Bool",
            "int4" => "Int4",
            "bytea" => "Bytea",
            "jsonb" => "Jsonb",
            "timestamptz" => "Timestamptz",
            "_uuid" => "Array<Uuid>",
            "_int4" => "Array<Int4>",
            other => panic!("no diesel type for {other}"),
        };
        if nullable { format!("Nullable<{kind}>") } else { kind.to_owned() }
    };
    let found: BTreeSet<String> = client
        .query(query, &[])
        .await
        .unwrap()
        .iter()
        .map(|row| {
            let (table, column, udt) =
                (row.get::<_, String>(0), row.get::<_, String>(1), row.get::<_, String>(2));
            format!("{table}.{column} {}", kind(&udt, row.get(3)))
        })
        .collect();
    assert_eq!(declared, found);
}
