//! Making an account. The first one is the administrator's.

use shared::limits::PASSWORD_MIN_CHARS;
use shared::{Registration, RegistrationPolicy, SetupState};
use wasm_bindgen_futures::spawn_local;
use yew::prelude::*;
use yew_router::prelude::*;

use super::door::Door;
use crate::components::button::{Button, Weight};
use crate::components::field::Field;
use crate::hooks::use_session;
use crate::route::Route;
use crate::state::failure::Failure;

/// The part of the address that carries the one-time token: after the `#`, so that no server and no log sees it.
const TOKEN_IN_ADDRESS: &str = "#setup=";

/// Making an account.
#[component]
pub fn SignUp() -> Html {
    let session = use_session();
    let navigator = use_navigator();
    let setup = use_state(|| None::<Result<SetupState, Failure>>);
    use_effect_with((), {
        let (session, setup) = (session.clone(), setup.setter());
        move |()| spawn_local(async move { setup.set(Some(session.setup().await)) })
    });
    let state = match &*setup {
        None => return html! { <Door title="Create an account"></Door> },
        Some(Err(failure)) => {
            return html! {
                <Door title="Create an account"><p class="lead" role="alert">{ failure.to_string() }</p></Door>
            };
        }
        Some(Ok(state)) => *state,
    };
    if !state.first_run && state.registration == RegistrationPolicy::Closed {
        return html! {
            <Door title="Registration is closed" lead="Whoever runs this server can make an account for you, or open the registration.">
                <p class="other"><Link<Route> to={Route::SignIn}>{ "Back to sign in" }</Link<Route>></p>
            </Door>
        };
    }
    let done = Callback::from(move |()| {
        if let Some(navigator) = &navigator {
            navigator.replace(&Route::Home);
        }
    });
    let (title, lead) = if state.first_run {
        (
            "Welcome to Oriel",
            "Make the first account. It is the administrator’s: it manages the accounts and the models of this server.",
        )
    } else {
        (
            "Create an account",
            "Your conversations are yours alone; nobody else who uses this server sees them.",
        )
    };
    html! {
        <Door {title} lead={Some(AttrValue::from(lead))}>
            <Form {state} {done} />
            if !state.first_run {
                <p class="other">{ "Have an account? " }<Link<Route> to={Route::SignIn}>{ "Sign in" }</Link<Route>></p>
            }
        </Door>
    }
}

#[derive(Properties, PartialEq)]
struct FormProps {
    state: SetupState,
    done: Callback<()>,
}

#[component]
fn Form(props: &FormProps) -> Html {
    let session = use_session();
    let name = use_state(String::new);
    let email = use_state(String::new);
    let password = use_state(String::new);
    let token = use_state(token_in_address);
    let invitation = use_state(String::new);
    let failure = use_state(|| None::<Failure>);
    let busy = use_state(|| false);
    let asks_token = props.state.first_run && props.state.setup_token_required;
    let asks_invitation = !props.state.first_run && props.state.registration == RegistrationPolicy::Invite;
    let given = |text: &str, asked: bool| (asked && !text.trim().is_empty()).then(|| text.trim().to_owned());
    let registration = Registration {
        email: email.trim().to_owned(),
        name: name.trim().to_owned(),
        password: (*password).clone(),
        invitation: given(&invitation, asks_invitation),
        setup_token: given(&token, asks_token),
    };
    let ready = !*busy
        && !registration.email.is_empty()
        && !registration.name.is_empty()
        && password.chars().count() >= PASSWORD_MIN_CHARS;
    let onsubmit = {
        let (failure, busy, done) = (failure.clone(), busy.clone(), props.done.clone());
        Callback::from(move |event: SubmitEvent| {
            event.prevent_default();
            if !ready {
                return;
            }
            busy.set(true);
            let (session, failure, busy, done) =
                (session.clone(), failure.clone(), busy.clone(), done.clone());
            let registration = registration.clone();
            spawn_local(async move {
                let result = session.sign_up(&registration).await;
                busy.set(false);
                if result.is_ok() {
                    done.emit(());
                }
                failure.set(result.err());
            });
        })
    };
    let wrong = |field: &str| {
        failure.as_ref().and_then(|failure| failure.field(field)).map(|text| AttrValue::from(text.to_owned()))
    };
    let bind = |state: &UseStateHandle<String>| {
        let setter = state.setter();
        Callback::from(move |text| setter.set(text))
    };
    let at_fields =
        ["name", "email", "password", "setup_token", "invitation"].iter().any(|field| wrong(field).is_some());
    html! {
        <form {onsubmit} novalidate=true>
            if let Some(failure) = failure.as_ref().filter(|_| !at_fields) {
                <p class="alert" role="alert">{ failure.to_string() }</p>
            }
            if asks_token {
                <Field name="setup_token" label="Setup token" autocomplete="off" value={(*token).clone()} oninput={bind(&token)}
                    wrong={wrong("setup_token")}
                    help="The server wrote it into its log when it started: it shows that this server is yours." />
            }
            if asks_invitation {
                <Field name="invitation" label="Invitation" autocomplete="off" value={(*invitation).clone()}
                    oninput={bind(&invitation)} wrong={wrong("invitation")} help="The code that you were given." />
            }
            <Field name="name" label="Name" autocomplete="name" autofocus=true value={(*name).clone()} oninput={bind(&name)}
                wrong={wrong("name")} />
            <Field name="email" label="Email" kind="email" autocomplete="username" value={(*email).clone()}
                oninput={bind(&email)} wrong={wrong("email")} />
            <Field name="password" label="Password" kind="password" autocomplete="new-password" value={(*password).clone()}
                oninput={bind(&password)} wrong={wrong("password")}
                help={format!("At least {PASSWORD_MIN_CHARS} characters. Length beats symbols.")} />
            <Button weight={Weight::Primary} wide=true submits=true disabled={!ready}>
                { if *busy { "Creating the account …" } else { "Create account" } }
            </Button>
        </form>
    }
}

fn token_in_address() -> String {
    web_sys::window()
        .and_then(|window| window.location().hash().ok())
        .and_then(|hash| hash.strip_prefix(TOKEN_IN_ADDRESS).map(str::to_owned))
        .unwrap_or_default()
}
