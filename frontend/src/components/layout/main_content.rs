//! The main content: a bar, the notice when the line is broken, and what the address shows.

use stylist::css;
use yew::prelude::*;
use yew_router::prelude::*;

use crate::components::button::IconButton;
use crate::components::chat::context_meter::ContextMeter;
use crate::components::chat::model_picker::ModelPicker;
use crate::components::feedback::banner::Banner;
use crate::components::icon::Glyph;
use crate::components::sheet;
use crate::route::Route;

thread_local!(static SHEET: AttrValue = sheet(css!(r#"
    display: flex;
    flex-direction: column;
    height: 100%;
    min-width: 0;

    & > header {
        display: flex;
        align-items: center;
        gap: var(--space-1);
        flex: none;
        min-height: 3.5rem;
        padding: env(safe-area-inset-top, 0px) max(var(--space-3), env(safe-area-inset-right, 0px)) 0
            max(var(--space-3), env(safe-area-inset-left, 0px));
    }
    & > header > .gap {
        flex: 1;
    }
    & > header > .unfold, & > header > .new {
        display: none;
    }
    & > header > .unfold.away {
        display: inline-flex;
    }
    & > main {
        display: flex;
        flex-direction: column;
        flex: 1;
        min-height: 0;
        min-width: 0;
    }
    @media (max-width: 767px) {
        & > header {
            padding-left: max(var(--space-1), env(safe-area-inset-left, 0px));
            padding-right: max(var(--space-1), env(safe-area-inset-right, 0px));
        }
        & > header > .unfold, & > header > .new {
            display: inline-flex;
        }
    }
"#)));

/// Props of the main content.
#[derive(Properties, PartialEq)]
pub struct MainContentProps {
    /// The sidebar is folded away, so the way back to it stands here.
    pub sidebar_is_away: bool,
    /// Shows the sidebar.
    pub onunfold: Callback<()>,
    /// What the address shows.
    pub children: Html,
}

/// The bar and what the address shows.
#[component]
pub fn MainContent(props: &MainContentProps) -> Html {
    let navigator = use_navigator();
    let unfold = props.onunfold.reform(|_: MouseEvent| ());
    let new = Callback::from(move |_: MouseEvent| {
        if let Some(navigator) = &navigator {
            navigator.push(&Route::Home);
        }
    });
    html! {
        <div class={SHEET.with(AttrValue::clone)}>
            <header>
                <span class={classes!("unfold", props.sidebar_is_away.then_some("away"))}>
                    <IconButton glyph={Glyph::Sidebar} label="Open sidebar" onclick={unfold} />
                </span>
                <ModelPicker />
                <span class="gap"></span>
                <ContextMeter />
                <span class="new">
                    <IconButton glyph={Glyph::Compose} label="New chat" onclick={new} />
                </span>
            </header>
            <Banner />
            <main>{ props.children.clone() }</main>
        </div>
    }
}
