use shared::{Role, User};
use std::time::Duration;
use store::StoreError;
use store::{Ended, Kept, NewApiKey, NewSession, TestDatabase};

use crate::fixture::{World, person};

#[tokio::test]
async fn the_first_account_is_an_administrator_and_there_is_only_one_first() {
    let database = TestDatabase::create().await;
    let store = database.store();
    assert!(!store.has_users().await.unwrap());
    let names = ["ada", "bob", "cyd", "dan"];
    let tries = names.map(|name| {
        let store = store.clone();
        tokio::spawn(async move { store.create_first_user(&person(name)).await })
    });
    let mut made = Vec::new();
    for attempt in tries {
        match attempt.await.unwrap() {
            Ok(user) => made.push(user),
            Err(error) => assert!(matches!(error, StoreError::Conflict), "{error:?}"),
        }
    }
    assert_eq!(made.len(), 1);
    assert_eq!(made[0].role, Role::Admin);
    assert!(store.has_users().await.unwrap());
}

#[tokio::test]
async fn an_address_has_one_account_whatever_its_case() {
    let world = World::new().await;
    let mut again = person("ada");
    again.email = " ADA@Example.org".to_owned();
    assert!(matches!(world.store.create_user(&again, Role::User).await, Err(StoreError::Conflict)));
    let found = world.store.user_by_email("Ada@EXAMPLE.org").await.unwrap();
    assert_eq!(found.id, world.ada);
    assert_eq!(User::from(found).email, "ada@example.org");
}

#[tokio::test]
async fn unknown_accounts_are_not_found() {
    let world = World::new().await;
    let nobody = shared::UserId::new();
    assert!(matches!(world.store.user(nobody).await, Err(StoreError::NotFound)));
    assert!(matches!(world.store.user_by_email("no@body").await, Err(StoreError::NotFound)));
    assert!(matches!(world.store.set_password(nobody, "x", Kept::NOTHING).await, Err(StoreError::NotFound)));
}

#[tokio::test]
async fn a_new_password_signs_out_everywhere_and_nobody_else() {
    let world = World::new().await;
    let session = |user_id, token| NewSession {
        user_id,
        token_sha256: [token; 32],
        user_agent: None,
        lifetime: Duration::from_secs(60),
    };
    let first = world.store.create_session(&session(world.ada, 1)).await.unwrap();
    let other = world.store.create_session(&session(world.bob, 2)).await.unwrap();
    world.store.set_password(world.ada, "new hash", Kept::NOTHING).await.unwrap();
    assert_eq!(world.store.user(world.ada).await.unwrap().password_hash, "new hash");
    assert_eq!(world.store.recently_revoked_sessions().await.unwrap(), [first.id]);
    assert!(!world.store.session_is_active(world.ada, first.id).await.unwrap());
    assert!(world.store.session_is_active(world.bob, other.id).await.unwrap());
}

#[tokio::test]
async fn a_new_password_leaves_what_is_kept_and_tells_what_ended() {
    let world = World::new().await;
    let session = |token| NewSession {
        user_id: world.ada,
        token_sha256: [token; 32],
        user_agent: None,
        lifetime: Duration::from_secs(60),
    };
    let here = world.store.create_session(&session(1)).await.unwrap().id;
    let there = world.store.create_session(&session(2)).await.unwrap().id;
    let key = NewApiKey {
        user_id: world.ada,
        name: "a program".into(),
        prefix: "sk-or-".into(),
        key_sha256: [3; 32],
        lifetime: None,
    };
    let key = world.store.create_api_key(&key, 9).await.unwrap().unwrap().id;
    let kept = Kept { session: Some(here), api_keys: true };
    let ended = world.store.set_password(world.ada, "second", kept).await.unwrap();
    assert_eq!(ended, Ended { sessions: vec![there], api_keys: Vec::new() });
    assert!(world.store.use_api_key(&[3; 32]).await.unwrap().is_some());
    let ended = world.store.set_password(world.ada, "third", Kept::NOTHING).await.unwrap();
    assert_eq!(ended, Ended { sessions: vec![here], api_keys: vec![key] });
    assert!(world.store.use_api_key(&[3; 32]).await.unwrap().is_none());
}

#[tokio::test]
async fn a_name_with_a_nul_is_kept_without_it() {
    let world = World::new().await;
    let mut strange = person("eve");
    strange.name = "E\0ve".to_owned();
    let user = world.store.create_user(&strange, Role::User).await.unwrap();
    assert_eq!(user.name, "E\u{1a}ve");
}
