//! Signing out: what is not sent stays for nobody, and is not given up unasked.

use frontend::components::layout::account::Account;
use frontend::contexts::chat::ChatProvider;
use frontend::contexts::session::SessionProvider;
use frontend::contexts::theme::ThemeProvider;
use frontend::platform::storage;
use shared::{ConversationId, User};
use wasm_bindgen_test::wasm_bindgen_test;
use yew::prelude::*;
use yew_router::prelude::*;

use super::page::{Mounted, until};
use super::signed_in::{TestPage, TestProps, chat, is_kept, kept, person, press};

/// The account's menu, of whoever is signed in.
#[component]
fn AccountPage(props: &TestProps) -> Html {
    html! {
        <ThemeProvider>
            <BrowserRouter>
                <SessionProvider>
                    <ChatProvider user={props.user.clone()}><Account /></ChatProvider>
                </SessionProvider>
            </BrowserRouter>
        </ThemeProvider>
    }
}

/// Everything in local storage that belongs to somebody.
fn belongings(user: &User) -> Vec<String> {
    storage::below("").into_iter().filter(|key| key.contains(&user.id.to_string())).collect()
}

fn forget(user: &User) {
    belongings(user).iter().for_each(|key| storage::remove(key));
}

#[wasm_bindgen_test]
async fn a_session_that_ends_by_itself_leaves_drafts_and_messages_where_they_are() {
    let user = person();
    let page = Mounted::<TestPage>::new(TestProps { user: user.clone() }).await;
    let conversation = Some(ConversationId::new());
    chat().set_draft(conversation, "half a thought".into());
    let key = kept(&user, "on its way");
    drop(page);
    let page = Mounted::<TestPage>::new(TestProps { user: user.clone() }).await;
    until("the message waits", || page.text().contains("on its way")).await;
    assert_eq!(chat().draft(conversation), "half a thought");
    assert!(is_kept(&key));
    forget(&user);
}

#[wasm_bindgen_test]
async fn who_leaves_leaves_nothing_behind_and_touches_nobody_elses() {
    let (user, other) = (person(), person());
    let others = kept(&other, "of somebody else");
    kept(&user, "on its way");
    let page = Mounted::<TestPage>::new(TestProps { user: user.clone() }).await;
    until("the message waits", || page.text().contains("on its way")).await;
    chat().set_draft(None, "a beginning".into());
    chat().set_draft(Some(ConversationId::new()), "half a thought".into());
    chat().set_draft(Some(ConversationId::new()), " ".into());
    assert_eq!(chat().unsent(), ["on its way", "a beginning", "half a thought"]);
    chat().leave();
    chat().set_draft(None, "typed while the server is told".into());
    chat().send("sent while the server is told".into());
    assert_eq!(belongings(&user), [] as [String; 0]);
    assert!(is_kept(&others));
    forget(&other);
}

#[wasm_bindgen_test]
async fn who_has_something_unsent_is_asked_before_it_is_deleted() {
    let user = person();
    let page = Mounted::<AccountPage>::new(TestProps { user: user.clone() }).await;
    assert!(storage::set(&format!("draft.{}", user.id), &"a beginning"));
    let open_menu = || page.one("button[aria-label=Account]").click();
    open_menu();
    until("the menu", || page.all("[role=menuitem]").len() == 2).await;
    press(&page, "Sign out");
    until("the question", || page.text().contains("a beginning")).await;
    assert!(page.one("dialog").matches(":modal").unwrap());
    press(&page, "Stay signed in");
    until("no question", || page.all("dialog").is_empty()).await;
    assert_eq!(belongings(&user).len(), 1);

    open_menu();
    until("the menu", || page.all("[role=menuitem]").len() == 2).await;
    press(&page, "Sign out");
    until("the question", || !page.all("dialog").is_empty()).await;
    press(&page, "Delete and sign out");
    until("nothing is left", || belongings(&user).is_empty()).await;
}
