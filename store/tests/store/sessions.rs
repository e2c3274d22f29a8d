use std::time::Duration;

use store::{NewSession, Rotation, SessionRow, StoreError};

use crate::fixture::World;

const LIFETIME: Duration = Duration::from_secs(3600);

async fn sign_in(world: &World, token: u8) -> SessionRow {
    let new = NewSession {
        user_id: world.ada,
        token_sha256: [token; 32],
        user_agent: Some("Firefox".to_owned()),
        lifetime: LIFETIME,
    };
    world.store.create_session(&new).await.unwrap()
}

async fn rotate(world: &World, presented: u8, successor: u8) -> Rotation {
    world.store.rotate_session(&[presented; 32], &[successor; 32], LIFETIME).await.unwrap()
}

/// Makes every rotation so far lie behind the grace.
async fn after_the_grace(world: &World) {
    world.sql("UPDATE refresh_tokens SET rotated_at = rotated_at - interval '16 seconds'").await;
}

#[tokio::test]
async fn a_token_gives_its_successor_and_the_successor_goes_on() {
    let world = World::new().await;
    let begun = sign_in(&world, 1).await;
    let Rotation::Rotated { session, user } = rotate(&world, 1, 2).await else { panic!("not rotated") };
    assert_eq!((session.id, user.id), (begun.id, world.ada));
    assert!(session.expires_at > begun.expires_at);
    after_the_grace(&world).await;
    assert!(matches!(rotate(&world, 2, 3).await, Rotation::Rotated { .. }));
}

#[tokio::test]
async fn two_tabs_that_refresh_at_once_both_stay_signed_in() {
    let world = World::new().await;
    sign_in(&world, 1).await;
    let tries: Vec<_> = (0..8)
        .map(|_| {
            let store = world.store.clone();
            tokio::spawn(async move { store.rotate_session(&[1; 32], &[2; 32], LIFETIME).await })
        })
        .collect();
    for attempt in tries {
        let rotation = attempt.await.unwrap().unwrap();
        assert!(matches!(rotation, Rotation::Rotated { .. }), "{rotation:?}");
    }
    assert_eq!(world.count("SELECT count(*) FROM refresh_tokens").await, 2);
}

#[tokio::test]
async fn a_token_that_was_used_up_long_ago_ends_its_whole_family() {
    let world = World::new().await;
    let session = sign_in(&world, 1).await;
    rotate(&world, 1, 2).await;
    after_the_grace(&world).await;
    let Rotation::Reused { session_id, user_id } = rotate(&world, 1, 9).await else { panic!("not noticed") };
    assert_eq!((session_id, user_id), (session.id, world.ada));
    assert!(matches!(rotate(&world, 2, 3).await, Rotation::Ended));
    assert_eq!(world.store.recently_revoked_sessions().await.unwrap(), [session.id]);
}

#[tokio::test]
async fn unknown_expired_and_deactivated_tokens_have_ended() {
    let world = World::new().await;
    assert!(matches!(rotate(&world, 7, 8).await, Rotation::Ended));
    sign_in(&world, 1).await;
    world.sql("UPDATE sessions SET expires_at = now() - interval '1 second'").await;
    assert!(matches!(rotate(&world, 1, 2).await, Rotation::Ended));
    sign_in(&world, 3).await;
    world.sql("UPDATE users SET active = false").await;
    assert!(matches!(rotate(&world, 3, 4).await, Rotation::Ended));
}

#[tokio::test]
async fn signing_out_ends_the_session_of_the_token() {
    let world = World::new().await;
    let session = sign_in(&world, 1).await;
    assert!(world.store.session_is_active(world.ada, session.id).await.unwrap());
    assert_eq!(world.store.revoke_session_by_token(&[1; 32]).await.unwrap(), Some(session.id));
    assert_eq!(world.store.revoke_session_by_token(&[1; 32]).await.unwrap(), None);
    assert!(!world.store.session_is_active(world.ada, session.id).await.unwrap());
    assert!(matches!(rotate(&world, 1, 2).await, Rotation::Ended));
}

#[tokio::test]
async fn the_sessions_of_a_person_are_listed_and_ended_one_by_one() {
    let world = World::new().await;
    let (first, second) = (sign_in(&world, 1).await, sign_in(&world, 2).await);
    rotate(&world, 1, 3).await;
    let ids = |sessions: Vec<SessionRow>| sessions.iter().map(|session| session.id).collect::<Vec<_>>();
    assert_eq!(ids(world.store.sessions(world.ada).await.unwrap()), [first.id, second.id]);
    world.store.revoke_session(world.ada, first.id).await.unwrap();
    assert_eq!(ids(world.store.sessions(world.ada).await.unwrap()), [second.id]);
    assert!(matches!(world.store.revoke_session(world.ada, first.id).await, Err(StoreError::NotFound)));
}
