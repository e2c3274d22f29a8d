//! Making accounts.

use reqwest::Method;
use serde_json::{Value, json};
use shared::{ErrorCode, RegistrationPolicy, Role, Session, SetupState, User, limits, paths};

use super::{PASSWORD, login, registered, registration, signed_in};
use crate::support::{Actor, Answer, TestApp};

/// The same request as it comes through nginx from another machine.
async fn from_afar(actor: &Actor, path: &str, body: &Value) -> Answer {
    Answer::of(actor.request(Method::POST, path).header("x-forwarded-for", "203.0.113.9").json(body)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_account_is_the_administrators_and_then_registration_is_closed() {
    let app = TestApp::builder().first_run().start().await;
    let state: SetupState = app.anonymous().get(paths::AUTH_SETUP).await.json(200);
    assert_eq!(
        state,
        SetupState { first_run: true, setup_token_required: false, registration: RegistrationPolicy::Closed }
    );

    let ada = registered(&app, " Ada@Example.org ").await;
    assert_eq!(ada.account().role, Role::Admin);
    let me: User = ada.get(paths::ME).await.json(200);
    assert_eq!(me, *ada.account());
    assert_eq!(me.email, "ada@example.org");

    let state: SetupState = app.anonymous().get(paths::AUTH_SETUP).await.json(200);
    assert!(!state.first_run);
    let late = app.anonymous().post(paths::AUTH_REGISTER, &registration("eve@example.org")).await;
    late.error(ErrorCode::RegistrationClosed);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_first_accounts_made_at_once_one_is_the_administrators() {
    let app = TestApp::builder().first_run().set("REGISTRATION", "open").start().await;
    let (ada, eve) = tokio::join!(registered(&app, "ada@example.org"), registered(&app, "eve@example.org"));
    let mut roles = [ada.account().role, eve.account().role];
    roles.sort_by_key(|role| *role == Role::User);
    assert_eq!(roles, [Role::Admin, Role::User]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_first_accounts_made_at_once_one_is_refused_where_registration_is_closed() {
    let app = TestApp::builder().first_run().start().await;
    let anonymous = app.anonymous();
    let (ada, eve) = (registration("ada@example.org"), registration("eve@example.org"));
    let (one, other) =
        tokio::join!(anonymous.post(paths::AUTH_REGISTER, &ada), anonymous.post(paths::AUTH_REGISTER, &eve),);
    let mut statuses = [one.status.as_u16(), other.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 403]);
}

#[tokio::test(flavor = "multi_thread")]
async fn from_another_machine_the_first_account_needs_the_token_of_the_log() {
    let app = TestApp::builder().first_run().start().await;
    let anonymous = app.anonymous();
    let setup = anonymous.request(Method::GET, paths::AUTH_SETUP).header("x-forwarded-for", "203.0.113.9");
    assert!(Answer::of(setup).await.json::<SetupState>(200).setup_token_required);

    let mut body = registration("ada@example.org");
    let error = from_afar(&anonymous, paths::AUTH_REGISTER, &body).await.error(ErrorCode::Forbidden);
    assert_eq!(error.fields[0].field, "setup_token");
    body["setup_token"] = json!("a guess");
    from_afar(&anonymous, paths::AUTH_REGISTER, &body).await.error(ErrorCode::Forbidden);
    anonymous.post(paths::AUTH_REGISTER, &body).await.error(ErrorCode::Forbidden);

    body["setup_token"] = json!(app.state().auth.setup_token().await.unwrap().unwrap());
    let session: Session = from_afar(&anonymous, paths::AUTH_REGISTER, &body).await.json(200);
    assert_eq!(session.user.role, Role::Admin);
    assert_eq!(app.state().auth.setup_token().await.unwrap(), None, "the token is good for one account");
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_is_wrong_with_a_registration_is_told_at_once() {
    let app = TestApp::builder().first_run().start().await;
    let long = "x".repeat(limits::PASSWORD_MAX_CHARS + 1);
    for (password, told) in [("short", "at least 8"), ("Password1", "tried first"), (&long, "256")] {
        let body = json!({"email": "nobody", "name": " ", "password": password});
        let error = app.anonymous().post(paths::AUTH_REGISTER, &body).await.error(ErrorCode::InvalidFields);
        let fields: Vec<&str> = error.fields.iter().map(|fault| fault.field.as_str()).collect();
        assert_eq!(fields, ["email", "name", "password"]);
        assert!(error.fields[2].message.contains(told), "{error:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_has_one_account_whatever_its_case() {
    let app = TestApp::builder().set("REGISTRATION", "open").start().await;
    let ada = registered(&app, "ada@example.org").await;
    assert_eq!(ada.account().role, Role::User);
    let again = app.anonymous().post(paths::AUTH_REGISTER, &registration("ADA@example.org")).await;
    again.error(ErrorCode::Conflict);
    let signed = app.anonymous().post(paths::AUTH_LOGIN, &login("Ada@Example.Org", PASSWORD)).await;
    assert_eq!(signed_in(&app, &signed).account().id, ada.account().id);
}

#[tokio::test(flavor = "multi_thread")]
async fn by_invitation_only_whoever_has_one_for_their_address_comes_in() {
    let app = TestApp::builder().set("REGISTRATION", "invite").start().await;
    let anonymous = app.anonymous();
    let mut body = registration("ada@example.org");
    anonymous.post(paths::AUTH_REGISTER, &body).await.error(ErrorCode::RegistrationClosed);
    let output = app.command(&["user", "invite", "Ada@example.org"], "").await;
    assert!(output.status.success());
    body["invitation"] = json!(String::from_utf8(output.stdout).unwrap().trim());
    let mut others = body.clone();
    others["email"] = json!("eve@example.org");
    anonymous.post(paths::AUTH_REGISTER, &others).await.error(ErrorCode::RegistrationClosed);
    anonymous.post(paths::AUTH_REGISTER, &body).await.expect(200);
    anonymous.post(paths::AUTH_REGISTER, &body).await.error(ErrorCode::Conflict);
}
