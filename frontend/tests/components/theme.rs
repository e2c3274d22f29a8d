use frontend::contexts::theme::{ThemeProvider, use_theme};
use shared::theme::Mode;
use wasm_bindgen_test::wasm_bindgen_test;
use web_sys::HtmlMetaElement;
use yew::prelude::*;

use super::page::{Mounted, document, until};

const LIGHT_GROUND: &str = "rgb(253, 252, 250)";
const DARK_GROUND: &str = "rgb(27, 26, 24)";

#[component]
fn Page() -> Html {
    html! { <ThemeProvider><Toggle /></ThemeProvider> }
}

#[component]
fn Toggle() -> Html {
    let theme = use_theme();
    let onclick = {
        let theme = theme.clone();
        Callback::from(move |_: MouseEvent| theme.toggle())
    };
    let mode = match theme.mode() {
        Mode::Light => "light",
        Mode::Dark => "dark",
        Mode::System => "system",
    };
    html! { <button {onclick} data-ground={theme.theme().colors.background.clone()}>{ mode }</button> }
}

fn shown() -> String {
    document().document_element().unwrap().get_attribute("data-theme").unwrap_or_default()
}

fn ground() -> String {
    let body = document().document_element().unwrap();
    let style = web_sys::window().unwrap().get_computed_style(&body).unwrap().unwrap();
    style.get_property_value("background-color").unwrap()
}

fn kept() -> Option<String> {
    web_sys::window().unwrap().local_storage().unwrap().unwrap().get_item("oriel.theme").unwrap()
}

#[wasm_bindgen_test]
async fn the_toggle_goes_through_light_dark_and_system_and_is_kept() {
    web_sys::window().unwrap().local_storage().unwrap().unwrap().clear().unwrap();
    let page = Mounted::<Page>::new(()).await;
    let button = page.one("button");
    assert_eq!(button.text_content().unwrap(), "system");

    button.click();
    let label = || button.text_content().unwrap();
    until("light is shown", || label() == "light" && shown() == "light" && ground() == LIGHT_GROUND).await;
    assert_eq!(kept().unwrap(), "\"light\"");

    button.click();
    until("dark is shown", || label() == "dark" && shown() == "dark" && ground() == DARK_GROUND).await;
    assert_eq!(kept().unwrap(), "\"dark\"");
    assert_eq!(button.get_attribute("data-ground").unwrap(), "#1b1a18");
    let frame = document().query_selector("meta[name=theme-color]").unwrap().unwrap();
    assert_eq!(wasm_bindgen::JsCast::unchecked_into::<HtmlMetaElement>(frame).content(), "#1b1a18");

    drop(page);
    let again = Mounted::<Page>::new(()).await;
    assert_eq!(again.one("button").text_content().unwrap(), "dark", "kept for the next visit");
    again.one("button").click();
    until("as the device says", || kept().as_deref() == Some("\"system\"")).await;
}

#[wasm_bindgen_test]
async fn a_broken_choice_is_as_the_device_says() {
    web_sys::window().unwrap().local_storage().unwrap().unwrap().set_item("oriel.theme", "{oh").unwrap();
    let page = Mounted::<Page>::new(()).await;
    assert_eq!(page.one("button").text_content().unwrap(), "system");
}
