//! The commands of the program itself.

use shared::{ErrorCode, paths};

use crate::auth::{PASSWORD, login, registered};
use crate::support::TestApp;

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_resets_a_password_and_its_sessions_and_keys_end() {
    let app = TestApp::builder().set("REGISTRATION", "open").start().await;
    let ada = registered(&app, "ada@example.org").await;

    let program = ada.program(&ada.make_key("a program").await);
    program.get(paths::ME).await.expect(200);

    let output = app.command(&["user", "reset-password", "Ada@example.org"], "").await;
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("1 API keys were revoked"), "{text}");
    program.get(paths::ME).await.error(ErrorCode::Unauthenticated);
    let made_up = text.lines().find_map(|line| line.strip_prefix("New password: ")).unwrap();
    ada.post_empty(paths::AUTH_REFRESH).await.error(ErrorCode::Unauthenticated);
    let anonymous = app.anonymous();
    anonymous
        .post(paths::AUTH_LOGIN, &login("ada@example.org", PASSWORD))
        .await
        .error(ErrorCode::WrongCredentials);
    anonymous.post(paths::AUTH_LOGIN, &login("ada@example.org", made_up)).await.expect(200);

    let output =
        app.command(&["user", "reset-password", "ada@example.org", "--stdin"], "my own choice\n").await;
    assert!(output.status.success(), "{output:?}");
    anonymous.post(paths::AUTH_LOGIN, &login("ada@example.org", "my own choice")).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_says_what_is_wrong() {
    let app = TestApp::builder().set("REGISTRATION", "open").start().await;
    registered(&app, "ada@example.org").await;
    for (arguments, input, told) in [
        (vec!["user", "reset-password", "eve@example.org"], "", "no account eve@example.org"),
        (vec!["user", "reset-password", "ada@example.org", "--stdin"], "", "one line was expected"),
        (vec!["user", "reset-password", "ada@example.org", "--stdin"], "password1\n", "tried first"),
    ] {
        let output = app.command(&arguments, input).await;
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success());
        assert!(text.contains(told), "{text}");
    }
    let output = app.command(&["user", "list"], "").await;
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("ada@example.org") && text.contains("admin"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_another_secret_key_nothing_starts_and_the_reason_is_told() {
    let app = TestApp::start().await;
    let other = [("SECRET_KEY", "another secret of at least 32 characters")];
    for arguments in [&["serve"][..], &["user", "list"]] {
        let output = app.command_with(&other, arguments, "").await;
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success());
        assert!(text.contains("SECRET_KEY is not the one that this database was set up with"), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_is_wrong_with_the_settings_is_told_at_once() {
    let app = TestApp::start().await;
    let wrong = [("SLOTS", "0"), ("LISTEN_ADDR", "8081"), ("REGISTRATION", "maybe")];
    let output = app.command_with(&wrong, &[], "").await;
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success());
    for name in ["3 settings are wrong", "SLOTS", "LISTEN_ADDR", "REGISTRATION"] {
        assert!(text.contains(name), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_never_share_a_data_directory() {
    let app = TestApp::start().await;
    let output = app.command(&["serve"], "").await;
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success());
    assert!(text.contains("another Oriel runs with the data directory"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_that_is_taken_and_an_engine_that_is_missing_say_what_to_set() {
    let app = TestApp::start().await;
    let taken = app.url().trim_start_matches("http://");
    for (setting, value) in [("LISTEN_ADDR", taken), ("ENGINE_PATH", "/nowhere/oriel-engine")] {
        let output = app.command_with(&[(setting, value)], &["serve"], "").await;
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success());
        assert!(text.contains(setting) && text.contains(value), "{text}");
    }
}
