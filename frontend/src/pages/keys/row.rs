//! One key of the list. Revoking it asks once more, in the same place.

use shared::{ApiKey, ApiKeyId};
use yew::prelude::*;

use crate::components::button::{Button, Weight};
use crate::platform::time;

/// Props of a row.
#[derive(Properties, PartialEq)]
pub(super) struct KeyRowProps {
    pub(super) api_key: ApiKey,
    /// It is to be revoked.
    pub(super) onrevoke: Callback<ApiKeyId>,
}

#[component]
pub(super) fn KeyRow(props: &KeyRowProps) -> Html {
    let asked = use_state(|| false);
    let key = &props.api_key;
    // The same button asks and takes back, so that the focus stays on what changes nothing.
    let ask = {
        let asked = asked.clone();
        Callback::from(move |_: MouseEvent| asked.set(!*asked))
    };
    let revoke = {
        let (revoke, id) = (props.onrevoke.clone(), key.id);
        Callback::from(move |_: MouseEvent| revoke.emit(id))
    };
    html! {
        <li>
            <div class="what">
                <span class="name">{ &key.name }</span>
                <code>{ &key.prefix }{ "…" }</code>
                <span class="when">{ life(key) }</span>
            </div>
            <div class="sure">
                <Button weight={Weight::Quiet} onclick={ask}>
                    { if *asked { "Keep" } else { "Revoke" } }
                    <span class="visually-hidden">{ " " }{ &key.name }</span>
                </Button>
                if *asked {
                    <span class="danger"><Button onclick={revoke}>{ "Revoke now" }</Button></span>
                }
            </div>
        </li>
    }
}

fn life(key: &ApiKey) -> String {
    let used = key
        .last_used_at
        .map_or_else(|| "never used".to_owned(), |at| format!("last used {}", time::local(at)));
    let end = match key.expires_at {
        Some(at) if key.expired => format!(" · expired {}", time::local(at)),
        Some(at) => format!(" · expires {}", time::local(at)),
        None => String::new(),
    };
    format!("Made {} · {used}{end}", time::local(key.created_at))
}
