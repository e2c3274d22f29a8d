//! Guessing passwords is slow.

use reqwest::Method;
use shared::{ErrorCode, paths};

use super::{PASSWORD, login, registered};
use crate::support::{Answer, TestApp};

async fn guess(app: &TestApp, address: &str, email: &str, password: &str) -> Answer {
    let request = app.anonymous().request(Method::POST, paths::AUTH_LOGIN).header("x-forwarded-for", address);
    Answer::of(request.json(&login(email, password))).await
}

/// Lets the delays pass.
async fn wait_out(app: &TestApp) {
    let client = app.database.client().await;
    client.execute("UPDATE login_throttle SET blocked_until = now()", &[]).await.expect("a changed row");
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_few_wrong_passwords_an_account_makes_everybody_wait() {
    let app = TestApp::builder().set("REGISTRATION", "open").start().await;
    registered(&app, "ada@example.org").await;
    wait_out(&app).await;
    let mut delays = Vec::new();
    for attempt in 0..12 {
        let address = format!("203.0.113.{attempt}");
        let answer = guess(&app, &address, "ada@example.org", "wrong").await;
        if answer.status.as_u16() == 429 {
            let error = answer.error(ErrorCode::RateLimited);
            let seconds = error.retry_after_s.unwrap();
            assert_eq!(answer.header("retry-after"), Some(seconds.to_string().as_str()));
            assert!(error.message.contains(&seconds.to_string()));
            delays.push(seconds);
            // Not even the right password is looked at.
            guess(&app, "198.51.100.1", "ada@example.org", PASSWORD).await.error(ErrorCode::RateLimited);
            wait_out(&app).await;
        } else {
            answer.error(ErrorCode::WrongCredentials);
        }
    }
    assert!(delays.len() >= 3, "{delays:?}");
    assert!(delays.windows(2).all(|pair| pair[0] < pair[1]), "the delay grows: {delays:?}");
    wait_out(&app).await;
    guess(&app, "198.51.100.1", "ada@example.org", PASSWORD).await.expect(200);
    guess(&app, "198.51.100.2", "ada@example.org", "wrong").await.error(ErrorCode::WrongCredentials);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_cannot_go_through_many_accounts() {
    let app = TestApp::start().await;
    let mut codes = Vec::new();
    for number in 0..8 {
        // One network of IPv6 is one address.
        let address = format!("2001:db8::{number}");
        let answer = guess(&app, &address, &format!("person{number}@example.org"), "wrong").await;
        codes.push(answer.status.as_u16());
    }
    assert_eq!(codes.first(), Some(&401));
    assert_eq!(codes.last(), Some(&429), "{codes:?}");
    guess(&app, "2001:db8:0:1::1", "somebody@example.org", "wrong").await.error(ErrorCode::WrongCredentials);
}
