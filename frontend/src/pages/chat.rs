//! A conversation, or the beginning of one. One component for both: the composer stays where it is when the first
//! message makes a conversation out of nothing.

use shared::{ConversationId, ErrorCode};
use stylist::css;
use yew::prelude::*;
use yew_router::prelude::*;

use crate::components::button::{Button, Weight};
use crate::components::chat::composer::{Composer, begin_with};
use crate::components::chat::message_list::MessageList;
use crate::components::chat::welcome::{greeting, suggestions};
use crate::components::feedback::notice::Notice;
use crate::components::sheet;
use crate::hooks::{use_chat, use_selected};
use crate::platform::title;
use crate::route::Route;
use crate::state::conversation::{Conversation, Load};
use crate::state::conversations::Conversations;
use crate::state::outbox::Outbox;

thread_local!(static SHEET: AttrValue = sheet(css!(r#"
    display: flex;
    flex-direction: column;
    flex: 1;
    min-height: 0;

    & > .stage {
        display: flex;
        flex-direction: column;
        flex: 1 1 0;
        min-height: 0;
    }
    &.empty > .stage {
        justify-content: flex-end;
    }
    & > .below {
        flex: 0 0 0;
        min-height: 0;
        overflow: hidden;
        transition: flex-grow var(--slow);
    }
    &.empty > .below {
        flex-grow: 1.25;
        overflow: visible;
    }
    & > .stage > .waiting {
        width: 100%;
        max-width: var(--measure);
        margin: auto auto var(--space-7);
        padding: 0 var(--space-5);
        animation: chat-waits-late 200ms 250ms backwards;
    }
    & > .stage > .waiting div {
        height: 0.875rem;
        margin-top: var(--space-4);
        border-radius: var(--radius-full);
        background: var(--raised);
        animation: chat-waits 1.4s ease-in-out infinite alternate;
    }
    & > .stage > .waiting div:nth-child(1) { margin-left: 55%; }
    & > .stage > .waiting div:nth-child(3) { margin-right: 12%; }
    & > .stage > .waiting div:nth-child(4) { margin-right: 38%; }
    @media (max-width: 767px) {
        &.empty > .stage {
            justify-content: center;
        }
        &.empty > .below {
            flex: none;
            order: 1;
        }
        & > form {
            order: 2;
        }
    }
    @keyframes chat-waits-late {
        from { opacity: 0; }
    }
    @keyframes chat-waits {
        to { opacity: 0.45; }
    }
"#)));

/// Props of the page.
#[derive(Properties, PartialEq)]
pub struct ChatPageProps {
    /// Which conversation; a new one for none.
    #[prop_or_default]
    pub id: Option<ConversationId>,
}

/// A conversation.
#[component]
pub fn ChatPage(props: &ChatPageProps) -> Html {
    let chat = use_chat();
    let navigator = use_navigator();
    let id = props.id;
    use_effect_with(id, {
        let chat = chat.clone();
        move |id| chat.open(*id)
    });
    let load = use_selected(&chat.open, |open: &Conversation| open.load.clone());
    let opened = use_selected(&chat.open, |open: &Conversation| open.id);
    let is_blank = use_selected(&chat.open, |open: &Conversation| open.leaf().is_none());
    let has_pending = use_selected(&chat.outbox, |outbox: &Outbox| outbox.clone()).of(id).next().is_some();
    let list = use_selected(&chat.list, Conversations::clone);
    let name = id.and_then(|id| list.get(id)).map(|row| row.title.clone()).unwrap_or_default();
    use_effect_with(name, |name| title::set(name));

    if let Load::Failed(failure) = &load {
        let is_gone = failure.code() == Some(ErrorCode::NotFound);
        let again = {
            let chat = chat.clone();
            Callback::from(move |_: MouseEvent| chat.load_again())
        };
        let home = Callback::from(move |_: MouseEvent| {
            if let Some(navigator) = &navigator {
                navigator.push(&Route::Home);
            }
        });
        return if is_gone {
            html! {
                <Notice title="This conversation is not here"
                    text="It was deleted, or it belongs to another account. A deleted one can be brought back for an hour with “Undo”.">
                    <Button weight={Weight::Primary} onclick={home}>{ "New chat" }</Button>
                </Notice>
            }
        } else {
            html! {
                <Notice title="The messages could not be loaded" text={failure.to_string()}>
                    <Button weight={Weight::Primary} onclick={again}>{ "Try again" }</Button>
                </Notice>
            }
        };
    }
    // Before the conversation is opened nothing is known of it: the composer must not glide away from the middle.
    let is_empty = opened == id && load == Load::Ready && is_blank && !has_pending;
    let choose = {
        let chat = chat.clone();
        Callback::from(move |text: &'static str| begin_with(&chat, text))
    };
    html! {
        <div class={classes!(SHEET.with(AttrValue::clone), is_empty.then_some("empty"))}>
            <div class="stage" key="stage">
                if load == Load::Loading {
                    <div class="waiting" aria-busy="true" aria-label="Loading the messages">
                        <div></div><div></div><div></div><div></div>
                    </div>
                } else if is_empty {
                    { greeting(&chat.user.name) }
                } else {
                    <MessageList />
                }
            </div>
            <Composer key="composer" />
            <div class="below" key="below">
                if is_empty {
                    { suggestions(&choose) }
                }
            </div>
        </div>
    }
}
