//! The chat of somebody who is signed in, on the page. The server of these tests knows no API: every request fails, as it
//! does behind a server that is away.

use std::cell::RefCell;

use frontend::components::chat::message_list::MessageList;
use frontend::components::feedback::banner::Banner;
use frontend::components::feedback::toasts::ToastList;
use frontend::contexts::chat::{Chat, ChatProvider};
use frontend::contexts::session::SessionProvider;
use frontend::hooks::use_chat;
use frontend::platform::{storage, time};
use frontend::state::outbox::Kept;
use shared::{
    Author, ClientId, ConversationId, GenerationOptions, Message, MessageId, MessageStatus, Role,
    SendMessage, User, UserId,
};
use yew::html::BaseComponent;
use yew::prelude::*;
use yew_router::prelude::*;

use super::page::Mounted;

thread_local!(static CHAT: RefCell<Option<Chat>> = const { RefCell::new(None) });

#[derive(Clone, PartialEq, Properties)]
pub struct TestProps {
    pub user: User,
}

#[component]
pub fn TestPage(props: &TestProps) -> Html {
    html! {
        <BrowserRouter>
            <SessionProvider>
                <ChatProvider user={props.user.clone()}><Inside /></ChatProvider>
            </SessionProvider>
        </BrowserRouter>
    }
}

#[component]
fn Inside() -> Html {
    CHAT.replace(Some(use_chat()));
    html! { <><Banner /><MessageList /><ToastList /></> }
}

pub fn chat() -> Chat {
    CHAT.with_borrow(|chat| chat.clone().unwrap())
}

pub fn person() -> User {
    User {
        id: UserId::new(),
        email: "ada@example.org".into(),
        name: "Ada".into(),
        role: Role::User,
        created_at: time::now(),
    }
}

/// Keeps a message in local storage, as the page does until it is acknowledged. Returns its key.
pub fn kept(user: &User, content: &str) -> String {
    let request = SendMessage {
        client_id: ClientId::new(),
        conversation_id: None,
        parent_id: None,
        from_start: false,
        content: content.into(),
        model: None,
        options: GenerationOptions::default(),
    };
    let key = format!("outbox.{}.{}", user.id, request.client_id);
    assert!(storage::set(&key, &Kept::new(request, None)));
    key
}

pub fn is_kept(key: &str) -> bool {
    storage::get::<Kept>(key).is_some()
}

pub fn press<C: BaseComponent<Properties: Clone>>(page: &Mounted<C>, words: &str) {
    let buttons = page.all("button");
    let button = buttons.iter().find(|button| button.text_content().as_deref() == Some(words));
    button.unwrap_or_else(|| panic!("no button {words} in {}", page.root.inner_html())).click();
}

pub fn has_button(page: &Mounted<TestPage>, words: &str) -> bool {
    page.all("button").iter().any(|button| button.text_content().as_deref() == Some(words))
}

/// A question, the first message of a conversation.
pub fn question() -> Message {
    Message {
        id: MessageId::new(),
        conversation_id: ConversationId::new(),
        parent_id: None,
        role: Author::User,
        content: "why?".into(),
        reasoning: String::new(),
        status: MessageStatus::Complete,
        timestamp: time::now(),
        code_blocks: Vec::new(),
        model: None,
        generation_id: None,
        usage: None,
        finish_reason: None,
        error: None,
        omitted_message_ids: Vec::new(),
        continues: None,
    }
}
