//! Chatting: the open conversation, the list, the models and the stream that keeps all of them in step.
//!
//! [`Chat`] is one handle over several stores. Its verbs are in one file per matter:
//! `open` (loading and paging), `send` (sending, answering again, going on, stopping), `outbox` (delivering), `drafts`,
//! `leaving`, `list`, `models`, `follow` (the stream).

mod drafts;
mod follow;
mod leaving;
mod list;
pub mod live;
mod models;
mod open;
mod outbox;
mod send;

use std::cell::{Cell, RefCell};
use std::ops::Deref;
use std::rc::Rc;

use gloo_timers::callback::Timeout;
use shared::{GenerationId, User};
use yew::prelude::*;
use yew_router::prelude::*;

use self::live::Live;
use crate::api::Client;
use crate::hooks::{use_selected, use_session};
use crate::state::connection::Connection;
use crate::state::conversation::Conversation;
use crate::state::conversations::Conversations;
use crate::state::drafts::Drafts;
use crate::state::models::Models;
use crate::state::outbox::Outbox;
use crate::state::store::Store;
use crate::state::toasts::{Offer, Toasts};

/// How long a note is shown: long enough to read it and reach its button.
const TOAST_MS: u32 = 8_000;

/// The stores of whoever is signed in.
pub struct Rooms {
    client: Client,
    navigator: Navigator,
    /// Who is signed in.
    pub user: User,
    /// The open conversation.
    pub open: Store<Conversation>,
    /// The conversation list.
    pub list: Store<Conversations>,
    /// The models.
    pub models: Store<Models>,
    /// Messages that are not acknowledged yet.
    pub outbox: Store<Outbox>,
    /// Texts that are being composed.
    pub drafts: Store<Drafts>,
    /// The line to the server.
    pub connection: Store<Connection>,
    /// Short notes.
    pub toasts: Store<Toasts>,
    /// What a screen reader says.
    pub announcement: Store<String>,
    /// Answers that are being written.
    pub live: Live,
    /// Conversations that were open before, so that going back shows them at once.
    recent: RefCell<Vec<Rc<Conversation>>>,
    refreshing_list: Cell<bool>,
    list_is_stale: Cell<bool>,
    /// The generation for which the messages were fetched again.
    reloaded_for: Cell<Option<GenerationId>>,
    /// Signed out: nothing is tried again.
    closed: Cell<bool>,
}

/// The handle: clones are the same.
#[derive(Clone)]
pub struct Chat(Rc<Rooms>);

impl PartialEq for Chat {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl Deref for Chat {
    type Target = Rooms;

    fn deref(&self) -> &Rooms {
        &self.0
    }
}

impl Chat {
    fn new(client: Client, navigator: Navigator, user: User) -> Self {
        let outbox = Outbox::restored(outbox::stored(&user));
        Self(Rc::new(Rooms {
            client: client.of(user.id),
            navigator,
            user,
            open: Store::new(Conversation::default()),
            list: Store::new(Conversations::default()),
            models: Store::new(Models { items: None, chosen: models::stored_choice() }),
            outbox: Store::new(outbox),
            drafts: Store::new(Drafts::default()),
            connection: Store::new(Connection::default()),
            toasts: Store::new(Toasts::default()),
            announcement: Store::new(String::new()),
            live: Live::default(),
            recent: RefCell::default(),
            refreshing_list: Cell::new(false),
            list_is_stale: Cell::new(false),
            reloaded_for: Cell::new(None),
            closed: Cell::new(false),
        }))
    }

    /// Tells of something that went wrong.
    pub fn complain(&self, text: impl Into<String>) {
        self.note(text.into(), true, None);
    }

    /// Shows a note for a while.
    pub fn note(&self, text: String, is_error: bool, offer: Option<Offer>) {
        let id = self.toasts.update(|toasts| toasts.push(text, is_error, offer));
        let toasts = self.toasts.clone();
        Timeout::new(TOAST_MS, move || toasts.update(|toasts| toasts.remove(id))).forget();
    }

    /// Has a screen reader say something.
    pub fn announce(&self, text: impl Into<String>) {
        self.announcement.set(text.into());
    }
}

/// Props of the provider.
#[derive(Properties, PartialEq)]
pub struct ChatProviderProps {
    /// Who is signed in. The provider is keyed by the account, so that nothing of one is seen by another.
    pub user: User,
    /// What it is for.
    pub children: Html,
}

/// Gives [`Chat`] to everything inside, and keeps its stream open.
#[component]
pub fn ChatProvider(props: &ChatProviderProps) -> Html {
    let session = use_session();
    let navigator = use_navigator();
    let chat = use_memo((), |()| {
        navigator.map(|navigator| Chat::new(session.client.clone(), navigator, props.user.clone()))
    });
    match &*chat {
        Some(chat) => html! {
            <ContextProvider<Chat> context={chat.clone()}>
                <Follower chat={chat.clone()} />
                { props.children.clone() }
            </ContextProvider<Chat>>
        },
        None => Html::default(),
    }
}

#[derive(Properties, PartialEq)]
struct FollowerProps {
    chat: Chat,
}

/// Keeps the stream of the open conversation open; draws nothing.
#[component]
fn Follower(props: &FollowerProps) -> Html {
    let chat = props.chat.clone();
    let session = use_session();
    let conversation = use_selected(&chat.open, |open| open.id);
    {
        let chat = chat.clone();
        use_effect_with((), move |()| {
            chat.refresh_models();
            chat.refresh_list();
            chat.send_waiting();
            let messages = chat.follow_other_tabs();
            let sign_outs = session.follow_other_tabs({
                let chat = chat.clone();
                move |user| {
                    if user == chat.user.id {
                        chat.leave();
                    }
                }
            });
            move || {
                chat.closed.set(true);
                drop((messages, sign_outs));
            }
        });
    }
    use_effect_with(conversation, move |conversation| {
        let following = chat.follow(*conversation);
        move || drop(following)
    });
    Html::default()
}
