//! The whole page: providers, and what is shown to whom.

use yew::prelude::*;
use yew_router::prelude::*;

use crate::components::layout::app_container::AppContainer;
use crate::contexts::chat::ChatProvider;
use crate::contexts::session::SessionProvider;
use crate::contexts::theme::ThemeProvider;
use crate::hooks::{use_session, use_store};
use crate::pages::chat::ChatPage;
use crate::pages::keys::KeysPage;
use crate::pages::not_found::NotFound;
use crate::pages::sign_in::SignIn;
use crate::pages::sign_up::SignUp;
use crate::pages::unreachable::Unreachable;
use crate::route::Route;
use crate::state::session::Session;

/// The root component.
#[component]
pub fn App() -> Html {
    html! {
        <ThemeProvider>
            <BrowserRouter>
                <SessionProvider>
                    <Gate />
                </SessionProvider>
            </BrowserRouter>
        </ThemeProvider>
    }
}

/// Shows the door to whoever is not signed in, at any address, so that signing in leads to where one wanted to go.
#[component]
fn Gate() -> Html {
    let session = use_session();
    let session = use_store(&session.session);
    let route = use_route::<Route>();
    match &*session {
        Session::Starting => Html::default(),
        Session::Unknown(failure) => html! { <Unreachable failure={failure.clone()} /> },
        Session::SignedOut { first_run: true, .. } => html! { <SignUp /> },
        Session::SignedOut { .. } if route == Some(Route::SignUp) => html! { <SignUp /> },
        Session::SignedOut { expired, .. } => html! { <SignIn expired={*expired} /> },
        Session::SignedIn(user) => html! {
            <ChatProvider key={user.id.to_string()} user={user.clone()}>
                <AppContainer>
                    <Switch<Route> render={page} />
                </AppContainer>
            </ChatProvider>
        },
    }
}

/// A new conversation and an open one are the same component at the same place: it is not built anew when the first
/// message gives the conversation its address.
fn page(route: Route) -> Html {
    match route {
        Route::Home => html! { <ChatPage /> },
        Route::Conversation { id } => html! { <ChatPage {id} /> },
        Route::Keys => html! { <KeysPage /> },
        Route::SignIn | Route::SignUp => html! { <Redirect<Route> to={Route::Home} /> },
        Route::NotFound => html! { <NotFound /> },
    }
}
