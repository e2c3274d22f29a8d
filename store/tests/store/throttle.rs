use std::time::Duration;

use store::{LoginAttempt, ThrottlePolicy};

use crate::fixture::World;

const POLICY: ThrottlePolicy = ThrottlePolicy {
    free_attempts: 3,
    first_delay: Duration::from_secs(10),
    max_delay: Duration::from_secs(25),
    forget_after: Duration::from_secs(3600),
};

async fn attempt(world: &World, address: &str, account: &str) -> Option<u32> {
    match world.store.begin_login(address, account, &POLICY).await.unwrap() {
        LoginAttempt::Allowed => None,
        LoginAttempt::Blocked { retry_after_s } => Some(retry_after_s),
    }
}

async fn wait_is_over(world: &World) {
    world.sql("UPDATE login_throttle SET blocked_until = now()").await;
}

#[tokio::test]
async fn the_wait_grows_to_its_bound_and_blocked_tries_do_not_count() {
    let world = World::new().await;
    for _ in 0..3 {
        assert_eq!(attempt(&world, "192.0.2.1", "ada").await, None);
    }
    for expected in [10, 20, 25, 25] {
        for _ in 0..3 {
            let waited = attempt(&world, "192.0.2.1", "ada").await.expect("blocked");
            assert!((expected - 1..=expected).contains(&waited), "{waited} for {expected}");
        }
        wait_is_over(&world).await;
        assert_eq!(attempt(&world, "192.0.2.1", "ada").await, None);
    }
}

#[tokio::test]
async fn an_account_is_slowed_down_across_addresses_and_an_address_across_accounts() {
    let world = World::new().await;
    for address in ["a", "b", "c"] {
        assert_eq!(attempt(&world, address, "ada").await, None);
    }
    assert!(attempt(&world, "d", "ada").await.is_some());
    assert_eq!(attempt(&world, "d", "bob").await, None, "a blocked try is counted nowhere");
    for account in ["cyd", "dan"] {
        assert_eq!(attempt(&world, "d", account).await, None);
    }
    assert!(attempt(&world, "d", "eve").await.is_some());
}

#[tokio::test]
async fn a_right_password_frees_the_account_and_does_not_count_for_the_address() {
    let world = World::new().await;
    for _ in 0..3 {
        assert_eq!(attempt(&world, "home", "ada").await, None);
    }
    world.store.login_succeeded("home", "ada").await.unwrap();
    assert_eq!(attempt(&world, "home", "ada").await, None);
    assert_eq!(world.count("SELECT attempts::int8 FROM login_throttle WHERE scope = 'address'").await, 3);
    assert_eq!(world.count("SELECT attempts::int8 FROM login_throttle WHERE scope = 'account'").await, 1);
}

#[tokio::test]
async fn old_tries_are_forgotten() {
    let world = World::new().await;
    for _ in 0..3 {
        assert_eq!(attempt(&world, "home", "ada").await, None);
    }
    world
        .sql("UPDATE login_throttle SET blocked_until = now(), updated_at = now() - interval '2 hours'")
        .await;
    for _ in 0..3 {
        assert_eq!(attempt(&world, "home", "ada").await, None);
    }
}

#[tokio::test]
async fn a_flood_at_one_moment_is_not_one_try() {
    let world = World::new().await;
    let tries: Vec<_> = (0..20)
        .map(|_| {
            let store = world.store.clone();
            tokio::spawn(async move { store.begin_login("home", "ada", &POLICY).await.unwrap() })
        })
        .collect();
    let mut allowed = 0;
    for attempt in tries {
        allowed += usize::from(attempt.await.unwrap() == LoginAttempt::Allowed);
    }
    assert_eq!(allowed, 3);
}
