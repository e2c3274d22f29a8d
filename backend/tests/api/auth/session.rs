//! Signing in, staying signed in, signing out.

use std::time::Duration;

use reqwest::Method;
use shared::{ErrorCode, Session, StreamEvent, paths};

use super::{login, registered, signed_in};
use crate::support::{Actor, Answer, Reader, TestApp};

/// What is promised: a sign-out acts on every server within this time.
const SIGN_OUT_ACTS_WITHIN: Duration = Duration::from_secs(5);

async fn open_to_all() -> TestApp {
    TestApp::builder().set("REGISTRATION", "open").start().await
}

async fn refreshed(actor: &Actor) -> Answer {
    actor.post_empty(paths::AUTH_REFRESH).await
}

/// Makes the grace of exchanged tokens be over.
async fn let_the_grace_pass(app: &TestApp) {
    let client = app.database.client().await;
    let age = "UPDATE refresh_tokens SET rotated_at = rotated_at - interval '16 seconds'";
    client.execute(age, &[]).await.expect("older tokens");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_address_and_a_wrong_password_get_the_same_answer() {
    let app = open_to_all().await;
    registered(&app, "ada@example.org").await;
    let anonymous = app.anonymous();
    let mut bodies = Vec::new();
    for email in ["ada@example.org", "nobody@example.org", "not an address"] {
        let mut error = anonymous
            .post(paths::AUTH_LOGIN, &login(email, "wrong"))
            .await
            .error(ErrorCode::WrongCredentials);
        error.request_id = None;
        bodies.push(error);
    }
    assert!(bodies.windows(2).all(|pair| pair[0] == pair[1]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_exchanges_the_cookie_and_gives_a_new_access_token() {
    let app = open_to_all().await;
    let ada = registered(&app, "ada@example.org").await;
    let answer = refreshed(&ada).await;
    let session: Session = answer.json(200);
    let (cookie, _) = answer.set_cookie().unwrap();
    assert_eq!(session.user, *ada.account());
    assert_ne!(Some(cookie.as_str()), ada.refresh_cookie());
    ada.clone().signed_in(session).get(paths::ME).await.expect(200);
    refreshed(&ada.with_refresh_cookie(&cookie)).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_tabs_that_refresh_at_once_get_the_same_cookie_and_stay_signed_in() {
    let app = open_to_all().await;
    let ada = registered(&app, "ada@example.org").await;
    let (one, other) = tokio::join!(refreshed(&ada), refreshed(&ada));
    let cookies = [one.expect(200).set_cookie().unwrap().0, other.expect(200).set_cookie().unwrap().0];
    assert_eq!(cookies[0], cookies[1]);
    refreshed(&ada.with_refresh_cookie(&cookies[0])).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_that_comes_again_after_the_grace_ends_the_session_for_everybody_who_has_it() {
    let app = open_to_all().await;
    let ada = registered(&app, "ada@example.org").await;
    let thief = ada.clone();
    let ada = signed_in(&app, &refreshed(&ada).await);
    let_the_grace_pass(&app).await;
    let stolen = refreshed(&thief).await;
    stolen.error(ErrorCode::Unauthenticated);
    assert_eq!(stolen.set_cookie(), None, "whoever loses a race keeps their cookie");
    refreshed(&ada).await.error(ErrorCode::Unauthenticated);
    ada.get(paths::ME).await.error(ErrorCode::Unauthenticated);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cookie_that_is_none_of_ours_is_refused() {
    let app = open_to_all().await;
    for token in ["", "x", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "%00"] {
        let actor = app.anonymous().with_refresh_cookie(token);
        refreshed(&actor).await.error(ErrorCode::Unauthenticated);
    }
    refreshed(&app.anonymous()).await.error(ErrorCode::Unauthenticated);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cookie_is_for_no_script_and_no_other_site_and_follows_the_scheme() {
    let attributes = |answer: &Answer| answer.set_cookie().unwrap().1;
    let plain = open_to_all().await;
    let ada = registered(&plain, "ada@example.org").await;
    let set = attributes(&refreshed(&ada).await);
    assert_eq!(set, "HttpOnly; SameSite=Strict; Path=/api/auth; Max-Age=2592000");

    let secure = TestApp::builder().set("PUBLIC_URL", "https://chat.example.org").start().await;
    let user = secure.user().await;
    let cookie = format!("__Host-oriel_refresh={}", user.refresh_cookie().unwrap());
    let request = secure.anonymous().request(Method::POST, paths::AUTH_REFRESH).header("cookie", cookie);
    let answer = Answer::of(request).await;
    let text = answer.expect(200).header("set-cookie").unwrap();
    assert!(text.starts_with("__Host-oriel_refresh="));
    assert_eq!(attributes(&answer), "HttpOnly; SameSite=Strict; Secure; Path=/; Max-Age=2592000");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_site_can_neither_refresh_nor_sign_out() {
    let app = open_to_all().await;
    let ada = registered(&app, "ada@example.org").await;
    let from =
        |path: &str, origin: &str| Answer::of(ada.request(Method::POST, path).header("origin", origin));
    for origin in ["http://evil.example.org", "null", "http://127.0.0.1:1"] {
        from(paths::AUTH_REFRESH, origin).await.error(ErrorCode::Forbidden);
        from(paths::AUTH_LOGOUT, origin).await.error(ErrorCode::Forbidden);
    }
    // As on a home network: the page comes from whatever name people use for the machine.
    from(paths::AUTH_REFRESH, app.url()).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_out_ends_the_access_token_at_once_here_and_in_time_on_another_server() {
    let app = open_to_all().await;
    let other = app.replica().await;
    let ada = registered(&app, "ada@example.org").await;
    let elsewhere = ada.at(&other);
    elsewhere.get(paths::ME).await.expect(200);
    let mut stream = Reader::open(&elsewhere, paths::STREAM, None).await;
    stream.until(|event| matches!(event, StreamEvent::List {})).await;

    let answer = ada.post_empty(paths::AUTH_LOGOUT).await;
    let (value, attributes) = answer.expect(204).set_cookie().unwrap();
    assert_eq!((value.as_str(), attributes.contains("Max-Age=0")), ("", true));
    ada.get(paths::ME).await.error(ErrorCode::Unauthenticated);
    refreshed(&ada).await.error(ErrorCode::Unauthenticated);

    let ended = async { while stream.next().await.is_some() {} };
    tokio::time::timeout(SIGN_OUT_ACTS_WITHIN, ended).await.expect("the stream goes on after the sign-out");
    elsewhere.get(paths::ME).await.error(ErrorCode::Unauthenticated);
    ada.post_empty(paths::AUTH_LOGOUT).await.expect(204);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_or_forged_token_is_refused() {
    let app = open_to_all().await;
    let ada = app.user().await;
    let parts: Vec<&str> = ada.token().split('.').collect();
    let (header, claims, signature) = (parts[0], parts[1], parts[2]);
    // {"alg":"none","typ":"at+jwt"}
    let none = "eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0";
    let others = open_to_all().await.user().await.token().to_owned();
    for forged in [
        String::new(),
        "x".to_owned(),
        format!("{header}.{claims}."),
        format!("{none}.{claims}."),
        format!("{none}.{claims}.{signature}"),
        format!("{header}.{}.{signature}", others.split('.').nth(1).unwrap()),
        format!("{}x", ada.token()),
        others,
    ] {
        ada.clone().with_token(&forged).get(paths::ME).await.error(ErrorCode::Unauthenticated);
    }
    let basic = app.anonymous().request(Method::GET, paths::ME).header("authorization", "Basic YTpi");
    Answer::of(basic).await.error(ErrorCode::Unauthenticated);
    ada.get(paths::ME).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_of_the_server_signs_nobody_out() {
    let mut app = open_to_all().await;
    let ada = app.user().await;
    app.shut_down().await;
    let app = app.start_again().await;
    let ada = ada.at(&app);
    ada.get(paths::ME).await.expect(200);
    refreshed(&ada).await.expect(200);
}
