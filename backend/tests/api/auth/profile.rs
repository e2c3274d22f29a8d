//! What people change of their own account.

use serde_json::{Value, json};
use shared::{ErrorCode, PasswordChanged, StreamEvent, User, paths};

use super::{PASSWORD, login, registered, signed_in};
use crate::support::{Reader, TestApp};

const NEW_PASSWORD: &str = "a battery that is stapled";

fn change(revoke_keys: bool) -> Value {
    json!({"current_password": PASSWORD, "new_password": NEW_PASSWORD, "revoke_keys": revoke_keys})
}

async fn open_to_all() -> TestApp {
    TestApp::builder().set("REGISTRATION", "open").start().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_is_changed_and_what_is_missing_stays() {
    let app = open_to_all().await;
    let ada = registered(&app, "ada@example.org").await;
    let user: User = ada.patch(paths::ME, &json!({"name": "  Ada  Lovelace "})).await.json(200);
    assert_eq!(user.name.split_whitespace().collect::<Vec<_>>(), ["Ada", "Lovelace"]);
    let same: User = ada.patch(paths::ME, &json!({})).await.json(200);
    assert_eq!((&same, ada.get(paths::ME).await.json::<User>(200)), (&user, user.clone()));
    let error = ada.patch(paths::ME, &json!({"name": "\n"})).await.error(ErrorCode::InvalidFields);
    assert_eq!(error.fields[0].field, "name");
    ada.patch(paths::ME, &json!({"role": "admin"})).await.error(ErrorCode::InvalidBody);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_password_ends_the_other_sign_ins_and_their_streams_and_keeps_the_keys_unless_asked() {
    let app = open_to_all().await;
    let here = registered(&app, "ada@example.org").await;
    let anonymous = app.anonymous();
    let there =
        signed_in(&app, &anonymous.post(paths::AUTH_LOGIN, &login("ada@example.org", PASSWORD)).await);
    let program = here.program(&here.make_key("a program").await);
    let mut stream = Reader::open(&there, paths::STREAM, None).await;
    stream.until(|event| matches!(event, StreamEvent::List {})).await;

    let changed: PasswordChanged = here.put(paths::ME_PASSWORD, &change(false)).await.json(200);
    assert_eq!(changed, PasswordChanged { sessions_ended: 1, keys_revoked: 0, keys_left: 1 });
    while stream.next().await.is_some() {}
    there.get(paths::ME).await.error(ErrorCode::Unauthenticated);
    there.post_empty(paths::AUTH_REFRESH).await.error(ErrorCode::Unauthenticated);
    program.get(paths::ME).await.expect(200);
    here.get(paths::ME).await.expect(200);
    here.post_empty(paths::AUTH_REFRESH).await.expect(200);
    let old = anonymous.post(paths::AUTH_LOGIN, &login("ada@example.org", PASSWORD)).await;
    old.error(ErrorCode::WrongCredentials);
    anonymous.post(paths::AUTH_LOGIN, &login("ada@example.org", NEW_PASSWORD)).await.expect(200);

    // Once more, as after an answer that was lost: the password of now is the new one.
    let changed: PasswordChanged = here.put(paths::ME_PASSWORD, &change(true)).await.json(200);
    assert_eq!((changed.keys_revoked, changed.keys_left), (1, 0));
    program.get(paths::ME).await.error(ErrorCode::Unauthenticated);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_know_the_password_cannot_change_it_and_is_slowed_down() {
    let app = open_to_all().await;
    let ada = registered(&app, "ada@example.org").await;
    let wrong = json!({"current_password": "wrong", "new_password": NEW_PASSWORD});
    let error = ada.put(paths::ME_PASSWORD, &wrong).await.error(ErrorCode::InvalidFields);
    assert_eq!(error.fields[0].field, "current_password");
    let weak = json!({"current_password": PASSWORD, "new_password": "password1"});
    let error = ada.put(paths::ME_PASSWORD, &weak).await.error(ErrorCode::InvalidFields);
    assert_eq!(error.fields[0].field, "new_password");
    loop {
        let answer = ada.put(paths::ME_PASSWORD, &wrong).await;
        if answer.status == 429 {
            break;
        }
        answer.error(ErrorCode::InvalidFields);
    }
    ada.get(paths::ME).await.expect(200);
}
