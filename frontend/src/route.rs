//! The addresses of the page.

use shared::ConversationId;
use yew_router::prelude::*;

/// One address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Routable)]
pub enum Route {
    /// A new conversation.
    #[at("/")]
    Home,
    /// One conversation.
    #[at("/c/:id")]
    Conversation {
        /// Which.
        id: ConversationId,
    },
    /// API keys.
    #[at("/settings/keys")]
    Keys,
    /// Sign in.
    #[at("/sign-in")]
    SignIn,
    /// Make an account.
    #[at("/sign-up")]
    SignUp,
    /// No such page.
    #[not_found]
    #[at("/404")]
    NotFound,
}
