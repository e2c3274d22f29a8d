//! Accounts and sign-in.

mod profile;
mod registration;
mod session;
mod throttle;

use serde_json::{Value, json};
use shared::{Session, paths};

use crate::support::{Actor, Answer, TestApp};

/// Fits every rule.
pub(crate) const PASSWORD: &str = "correct horse battery";

fn registration(email: &str) -> Value {
    json!({"email": email, "name": "Ada", "password": PASSWORD})
}

pub(crate) fn login(email: &str, password: &str) -> Value {
    json!({"email": email, "password": password})
}

/// Somebody with an account that was made as people make it, signed in.
pub(crate) async fn registered(app: &TestApp, email: &str) -> Actor {
    signed_in(app, &app.anonymous().post(paths::AUTH_REGISTER, &registration(email)).await)
}

/// Who was signed in by an answer.
fn signed_in(app: &TestApp, answer: &Answer) -> Actor {
    let session: Session = answer.json(200);
    let (token, _) = answer.set_cookie().expect("the refresh cookie");
    app.anonymous().signed_in(session).with_refresh_cookie(&token)
}
