//! The sidebar: a new conversation, the list, the account.

use stylist::css;
use yew::prelude::*;
use yew_router::prelude::*;

use super::account::Account;
use super::conversation_list::ConversationList;
use crate::components::brand::brand;
use crate::components::button::IconButton;
use crate::components::icon::{Glyph, icon};
use crate::components::sheet;
use crate::route::Route;

thread_local!(static SHEET: AttrValue = sheet(css!(r#"
    display: flex;
    flex-direction: column;
    height: 100%;
    padding-top: env(safe-area-inset-top, 0px);
    padding-left: env(safe-area-inset-left, 0px);
    border-right: 1px solid var(--border);
    background: var(--surface);

    & > .top {
        display: flex;
        align-items: center;
        justify-content: space-between;
        min-height: 3.5rem;
        padding: 0 var(--space-3) 0 var(--space-4);
    }
    & > .top > .home {
        display: inline-flex;
        align-items: center;
        gap: var(--space-2);
        border-radius: var(--radius-s);
        font-size: var(--text-l);
        font-weight: 650;
        letter-spacing: -0.01em;
        color: var(--text);
        text-decoration: none;
    }
    & > .new {
        display: flex;
        align-items: center;
        gap: var(--space-3);
        min-height: 2.5rem;
        margin: var(--space-1) var(--space-3) var(--space-2);
        padding: 0 var(--space-3);
        border: 1px solid var(--border);
        border-radius: var(--radius-m);
        font-weight: 550;
        font-size: 0.9375rem;
        color: var(--text);
        background: var(--background);
        text-decoration: none;
        transition: border-color var(--fast), background-color var(--fast);
    }
    & > .new:hover {
        border-color: color-mix(in srgb, var(--accent) 50%, var(--border));
    }
    & > .new svg {
        color: var(--accent);
    }
    @media (pointer: coarse) {
        & > .new {
            min-height: 2.75rem;
        }
    }
"#)));

/// Props of the sidebar.
#[derive(Properties, PartialEq)]
pub struct SidebarProps {
    /// Folds the sidebar away.
    pub onfold: Callback<()>,
}

/// The sidebar.
#[component]
pub fn Sidebar(props: &SidebarProps) -> Html {
    let fold = props.onfold.reform(|_: MouseEvent| ());
    html! {
        <nav class={SHEET.with(AttrValue::clone)} aria-label="Conversations">
            <div class="top">
                <Link<Route> to={Route::Home} classes="home">{ brand(24) }{ "Oriel" }</Link<Route>>
                <IconButton glyph={Glyph::Sidebar} label="Close sidebar" onclick={fold} />
            </div>
            <Link<Route> to={Route::Home} classes="new">
                { icon(Glyph::Compose, 18) }{ "New chat" }
            </Link<Route>>
            <ConversationList />
            <Account />
        </nav>
    }
}
