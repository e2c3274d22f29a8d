//! Making a key: what it is for, and how long it lasts.

use shared::{ApiKeyMade, CreateApiKey};
use wasm_bindgen_futures::spawn_local;
use web_sys::HtmlSelectElement;
use yew::prelude::*;

use crate::api::Client;
use crate::components::button::{Button, Weight};
use crate::components::field::Field;
use crate::state::failure::Failure;

/// What can be chosen: days, 0 is for ever.
const LIFETIMES: [(u32, &str); 4] = [
    (0, "Does not expire"),
    (30, "Expires in 30 days"),
    (90, "Expires in 90 days"),
    (365, "Expires in a year"),
];

/// Props of the form.
#[derive(Properties, PartialEq)]
pub(super) struct KeyFormProps {
    pub(super) client: Client,
    /// A key was made.
    pub(super) onmade: Callback<ApiKeyMade>,
}

#[component]
pub(super) fn KeyForm(props: &KeyFormProps) -> Html {
    let name = use_state(String::new);
    let days = use_state(|| 0_u32);
    let failure = use_state(|| None::<Failure>);
    let busy = use_state(|| false);
    let onsubmit = {
        let (client, made) = (props.client.clone(), props.onmade.clone());
        let (name, days, failure, busy) = (name.clone(), days.clone(), failure.clone(), busy.clone());
        Callback::from(move |event: SubmitEvent| {
            event.prevent_default();
            if *busy || name.trim().is_empty() {
                return;
            }
            busy.set(true);
            let wanted = CreateApiKey {
                name: name.trim().to_owned(),
                expires_in_days: Some(*days).filter(|days| *days > 0),
            };
            let (client, made) = (client.clone(), made.clone());
            let (name, failure, busy) = (name.setter(), failure.setter(), busy.setter());
            spawn_local(async move {
                let result = client.make_key(&wanted).await;
                busy.set(false);
                failure.set(result.as_ref().err().cloned());
                if let Ok(new) = result {
                    name.set(String::new());
                    made.emit(new);
                }
            });
        })
    };
    let onchange = {
        let days = days.setter();
        Callback::from(move |event: Event| {
            if let Some(select) = event.target_dyn_into::<HtmlSelectElement>() {
                days.set(select.value().parse().unwrap_or(0));
            }
        })
    };
    let wrong = failure.as_ref().map(|failure| {
        AttrValue::from(
            failure
                .field("name")
                .map_or_else(|| failure.to_string(), |message| format!("The name {message}.")),
        )
    });
    html! {
        <form {onsubmit} novalidate=true>
            <Field name="key-name" label="What is it for?" autocomplete="off" value={(*name).clone()} {wrong}
                oninput={let name = name.setter(); move |text| name.set(text)} />
            <select aria-label="How long it lasts" {onchange}>
                { for LIFETIMES.iter().map(|(value, label)| html! {
                    <option value={value.to_string()} selected={*value == *days}>{ label }</option>
                }) }
            </select>
            <Button weight={Weight::Primary} submits=true disabled={name.trim().is_empty() || *busy}>
                { "Create key" }
            </Button>
        </form>
    }
}
