//! The foot of the sidebar: who is signed in, the theme, signing out.

use stylist::css;
use yew::prelude::*;
use yew_router::prelude::*;

use super::sign_out::{UnsentDialog, sign_out};
use super::theme_toggle::theme_toggle;
use crate::components::icon::Glyph;
use crate::components::menu::{Menu, MenuItem};
use crate::components::sheet;
use crate::contexts::theme::use_theme;
use crate::hooks::{use_chat, use_session};
use crate::route::Route;

thread_local!(static SHEET: AttrValue = sheet(css!(r#"
    display: flex;
    align-items: center;
    gap: var(--space-1);
    padding: var(--space-2) var(--space-3) calc(var(--space-2) + env(safe-area-inset-bottom, 0px)) var(--space-4);
    border-top: 1px solid var(--border);

    .who {
        flex: 1;
        min-width: 0;
        line-height: 1.3;
    }
    .who span {
        display: block;
        overflow: hidden;
        white-space: nowrap;
        text-overflow: ellipsis;
    }
    .name {
        font-size: 0.90625rem;
        font-weight: 550;
    }
    .email {
        font-size: var(--text-xs);
        color: var(--muted);
    }
"#)));

/// Who is signed in.
#[component]
pub fn Account() -> Html {
    let chat = use_chat();
    let session = use_session();
    let theme = use_theme();
    let navigator = use_navigator();
    let unsent = use_state(|| None::<Vec<String>>);
    let onstay = {
        let unsent = unsent.setter();
        Callback::from(move |()| unsent.set(None))
    };
    let items = vec![
        MenuItem {
            glyph: Glyph::Key,
            label: "API keys".into(),
            danger: false,
            onclick: Callback::from(move |()| {
                if let Some(navigator) = &navigator {
                    navigator.push(&Route::Keys);
                }
            }),
        },
        MenuItem {
            glyph: Glyph::Leave,
            label: "Sign out".into(),
            danger: false,
            onclick: {
                let (chat, unsent) = (chat.clone(), unsent.setter());
                Callback::from(move |()| unsent.set(sign_out(&chat, &session)))
            },
        },
    ];
    html! {
        <div class={SHEET.with(AttrValue::clone)}>
            <div class="who">
                <span class="name">{ &chat.user.name }</span>
                <span class="email">{ &chat.user.email }</span>
            </div>
            { theme_toggle(theme) }
            <Menu label="Account" up=true {items} />
            if let Some(unsent) = &*unsent {
                <UnsentDialog unsent={unsent.clone()} {onstay} />
            }
        </div>
    }
}
