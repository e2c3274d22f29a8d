//! API keys: making them, seeing them, revoking them.

mod form;
mod row;
mod secret;
mod sheet;

use shared::{ApiKey, ApiKeyId, ApiKeyMade};
use wasm_bindgen_futures::spawn_local;
use yew::prelude::*;

use self::form::KeyForm;
use self::row::KeyRow;
use self::secret::Secret;
use self::sheet::SHEET;
use crate::hooks::{use_chat, use_session};
use crate::platform::title;

/// API keys.
#[component]
pub fn KeysPage() -> Html {
    let chat = use_chat();
    let client = use_session().client.of(chat.user.id);
    let keys = use_state(|| None::<Vec<ApiKey>>);
    let made = use_state(|| None::<ApiKeyMade>);
    let load = {
        let (chat, client, keys) = (chat.clone(), client.clone(), keys.setter());
        Callback::from(move |()| {
            let (chat, client, keys) = (chat.clone(), client.clone(), keys.clone());
            spawn_local(async move {
                match client.keys().await {
                    Ok(found) => keys.set(Some(found)),
                    Err(failure) => chat.complain(failure.to_string()),
                }
            });
        })
    };
    use_effect_with((), {
        let load = load.clone();
        move |()| {
            title::set("API keys");
            load.emit(());
        }
    });
    let onmade = {
        let (made, load) = (made.setter(), load.clone());
        Callback::from(move |new: ApiKeyMade| {
            made.set(Some(new));
            load.emit(());
        })
    };
    let onrevoke = {
        let (chat, client, made, load) = (chat.clone(), client.clone(), made.clone(), load.clone());
        Callback::from(move |id: ApiKeyId| {
            let (chat, client, load) = (chat.clone(), client.clone(), load.clone());
            if made.as_ref().is_some_and(|made| made.key.id == id) {
                made.set(None);
            }
            spawn_local(async move {
                if let Err(failure) = client.revoke_key(id).await {
                    chat.complain(failure.to_string());
                }
                load.emit(());
            });
        })
    };
    html! {
        <div class={SHEET.with(AttrValue::clone)}>
            <h1>{ "API keys" }</h1>
            <p class="lead">
                { "Programs use a key instead of your password. Those that speak OpenAI’s API need this address too: " }
                <code>{ client.origin() }{ "/v1" }</code>
            </p>
            <KeyForm client={client.clone()} {onmade} />
            if let Some(made) = &*made {
                <Secret key={made.key.id.to_string()} secret={made.secret.clone()} />
            }
            if let Some(keys) = &*keys {
                if keys.is_empty() {
                    <p class="none">{ "You have no keys yet." }</p>
                } else {
                    <ul>
                        { for keys.iter().map(|key| html! {
                            <KeyRow key={key.id.to_string()} api_key={key.clone()} onrevoke={onrevoke.clone()} />
                        }) }
                    </ul>
                }
            }
        </div>
    }
}
