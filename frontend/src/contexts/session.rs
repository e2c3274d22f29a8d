//! Signing in and out.

use gloo_events::EventListener;
use shared::{Login, Registration, SetupState, User, UserId};
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::spawn_local;
use web_sys::StorageEvent;
use yew::prelude::*;

use crate::api::{Client, config};
use crate::platform::storage;
use crate::state::failure::Failure;
use crate::state::session::Session;
use crate::state::store::Store;

/// Who is signing out, or has signed out without the server having heard of it: the browser still holds the cookie, which
/// must not let the next person in.
const OWED_KEY: &str = "sign-out-owed";

/// The session and its verbs.
#[derive(Clone, PartialEq)]
pub struct SessionHandle {
    /// The way to the server.
    pub client: Client,
    /// Who is signed in.
    pub session: Store<Session>,
}

impl SessionHandle {
    fn new() -> Self {
        let handle = Self { client: Client::default(), session: Store::new(Session::Starting) };
        let session = handle.session.clone();
        handle.client.on_end(move |now| {
            session.set(match now {
                Some(user) => Session::SignedIn(user),
                None => Session::SignedOut { first_run: false, expired: true },
            });
        });
        handle
    }

    /// Tries again where the server did not answer; once at a time.
    pub async fn start_again(&self) {
        if matches!(*self.session.get(), Session::Unknown(_)) {
            self.session.set(Session::Starting);
            self.start().await;
        }
    }

    /// Goes on with the session of this browser, or finds out what to ask for.
    async fn start(&self) {
        self.client.set_base(config::api_url().await);
        if storage::get::<UserId>(OWED_KEY).is_some()
            && let Err(failure) = self.tell_of_sign_out().await
        {
            return self.session.set(Session::Unknown(failure));
        }
        let found = match self.client.resume().await {
            Ok(Some(user)) => Ok(Session::SignedIn(user)),
            Ok(None) => self
                .client
                .setup()
                .await
                .map(|setup| Session::SignedOut { first_run: setup.first_run, expired: false }),
            Err(failure) => Err(failure),
        };
        self.session.set(found.unwrap_or_else(Session::Unknown));
    }

    /// What signing up asks for.
    pub async fn setup(&self) -> Result<SetupState, Failure> {
        self.client.setup().await
    }

    /// Signs in.
    pub async fn sign_in(&self, login: &Login) -> Result<(), Failure> {
        let user = self.client.login(login).await?;
        self.enter(user);
        Ok(())
    }

    /// Makes an account and signs in with it.
    pub async fn sign_up(&self, registration: &Registration) -> Result<(), Failure> {
        let user = self.client.register(registration).await?;
        self.enter(user);
        Ok(())
    }

    /// Signs out. Where the server cannot be told, the page still forgets the session, and tells the server before anything
    /// else when it is opened again.
    pub async fn sign_out(&self) {
        if let Some(user) = self.session.get().user() {
            storage::set(OWED_KEY, &user.id);
        }
        if let Err(failure) = self.tell_of_sign_out().await {
            web_sys::console::warn_1(&format!("signing out: {failure}").into());
        }
        self.forget();
    }

    /// Calls `left` when somebody signs out in another tab of this browser, with who that is; then forgets the session,
    /// until the listener is dropped.
    pub fn follow_other_tabs(&self, left: impl Fn(UserId) + 'static) -> Option<EventListener> {
        let (handle, window) = (self.clone(), web_sys::window()?);
        Some(EventListener::new(&window, "storage", move |event| {
            let key = event.dyn_ref::<StorageEvent>().and_then(StorageEvent::key);
            if key == Some(storage::full(OWED_KEY))
                && let Some(user) = storage::get(OWED_KEY)
            {
                left(user);
                handle.forget();
            }
        }))
    }

    fn forget(&self) {
        self.client.forget();
        self.session.set(Session::SignedOut { first_run: false, expired: false });
    }

    /// A new session has taken the place of whatever was before.
    fn enter(&self, user: User) {
        storage::remove(OWED_KEY);
        self.session.set(Session::SignedIn(user));
    }

    async fn tell_of_sign_out(&self) -> Result<(), Failure> {
        self.client.logout().await?;
        storage::remove(OWED_KEY);
        Ok(())
    }
}

/// Props of a provider.
#[derive(Properties, PartialEq)]
pub struct SessionProviderProps {
    /// What it is for.
    pub children: Html,
}

/// Gives [`SessionHandle`] to everything inside, and starts the session.
#[component]
pub fn SessionProvider(props: &SessionProviderProps) -> Html {
    let handle = use_memo((), |()| SessionHandle::new());
    {
        let handle = (*handle).clone();
        use_effect_with((), move |()| spawn_local(async move { handle.start().await }));
    }
    html! {
        <ContextProvider<SessionHandle> context={(*handle).clone()}>
            { props.children.clone() }
        </ContextProvider<SessionHandle>>
    }
}
