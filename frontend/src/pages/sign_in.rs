//! Signing in.

use shared::Login;
use wasm_bindgen_futures::spawn_local;
use yew::prelude::*;
use yew_router::prelude::*;

use super::door::Door;
use crate::components::button::{Button, Weight};
use crate::components::field::Field;
use crate::hooks::use_session;
use crate::route::Route;
use crate::state::failure::Failure;

/// Props of the page.
#[derive(Properties, PartialEq)]
pub struct SignInProps {
    /// A session has ended by itself.
    pub expired: bool,
}

/// Signing in.
#[component]
pub fn SignIn(props: &SignInProps) -> Html {
    let session = use_session();
    let email = use_state(String::new);
    let password = use_state(String::new);
    let failure = use_state(|| None::<Failure>);
    let busy = use_state(|| false);
    let onsubmit = {
        let (email, password, failure, busy) =
            (email.clone(), password.clone(), failure.clone(), busy.clone());
        Callback::from(move |event: SubmitEvent| {
            event.prevent_default();
            if *busy {
                return;
            }
            busy.set(true);
            let (session, failure, busy) = (session.clone(), failure.clone(), busy.clone());
            let login = Login { email: (*email).trim().to_owned(), password: (*password).clone() };
            spawn_local(async move {
                let result = session.sign_in(&login).await;
                busy.set(false);
                failure.set(result.err());
            });
        })
    };
    let lead =
        props.expired.then_some("Your session has ended. What you have written is kept on this device.");
    let ready = !email.trim().is_empty() && !password.is_empty() && !*busy;
    html! {
        <Door title="Sign in" lead={lead}>
            <form {onsubmit} novalidate=true>
                if let Some(failure) = &*failure {
                    <p class="alert" role="alert">{ failure.to_string() }</p>
                }
                <Field name="email" label="Email" kind="email" autocomplete="username" autofocus=true
                    value={(*email).clone()} oninput={let email = email.setter(); move |text| email.set(text)} />
                <Field name="password" label="Password" kind="password" autocomplete="current-password"
                    value={(*password).clone()} oninput={let password = password.setter(); move |text| password.set(text)} />
                <Button weight={Weight::Primary} wide=true submits=true disabled={!ready}>
                    { if *busy { "Signing in …" } else { "Sign in" } }
                </Button>
            </form>
            <p class="other">{ "No account yet? " }<Link<Route> to={Route::SignUp}>{ "Create one" }</Link<Route>></p>
        </Door>
    }
}
