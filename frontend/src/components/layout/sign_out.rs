//! Signing out. Where something is not sent yet, the person is told and decides: nothing of it may stay for whoever uses this
//! browser next.

use wasm_bindgen_futures::spawn_local;
use yew::prelude::*;

use crate::components::button::{Button, Weight};
use crate::components::dialog::Dialog;
use crate::contexts::chat::Chat;
use crate::contexts::session::SessionHandle;
use crate::hooks::{use_chat, use_session};

/// So many texts are shown by their beginning: enough to know what they are about.
const SHOWN_MAX: usize = 3;
/// A line of a phone's screen, and some more for a wide one.
const BEGINNING_MAX_CHARS: usize = 80;

/// Signs out at once where there is nothing to ask. Returns what is not sent, where there is.
pub fn sign_out(chat: &Chat, session: &SessionHandle) -> Option<Vec<String>> {
    let unsent = chat.unsent();
    if !unsent.is_empty() {
        return Some(unsent);
    }
    leave(chat, session);
    None
}

fn leave(chat: &Chat, session: &SessionHandle) {
    chat.leave();
    let session = session.clone();
    spawn_local(async move { session.sign_out().await });
}

/// Props of the question.
#[derive(Properties, PartialEq)]
pub struct UnsentDialogProps {
    /// What is not sent.
    pub unsent: Vec<String>,
    /// The person stays.
    pub onstay: Callback<()>,
}

/// Whether to sign out although something is not sent.
#[component]
pub fn UnsentDialog(props: &UnsentDialogProps) -> Html {
    let (chat, session) = (use_chat(), use_session());
    let stay = props.onstay.reform(|_: MouseEvent| ());
    let go = Callback::from(move |_: MouseEvent| leave(&chat, &session));
    let more = props.unsent.len().saturating_sub(SHOWN_MAX);
    html! {
        <Dialog title={title(props.unsent.len())} onclose={props.onstay.clone()}>
            <p>
                { "Only this browser has it. If you sign out it is deleted, so that nobody who uses this browser after you \
                   can read it." }
            </p>
            <ul>
                { for props.unsent.iter().take(SHOWN_MAX).map(|text| html! { <li>{ beginning(text) }</li> }) }
                if more > 0 {
                    <li>{ format!("and {more} more") }</li>
                }
            </ul>
            <div class="actions">
                <Button onclick={go}>{ "Delete and sign out" }</Button>
                <Button weight={Weight::Primary} onclick={stay}>{ "Stay signed in" }</Button>
            </div>
        </Dialog>
    }
}

fn title(count: usize) -> String {
    match count {
        1 => "A text of yours is not sent yet".to_owned(),
        count => format!("{count} texts of yours are not sent yet"),
    }
}

fn beginning(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(BEGINNING_MAX_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_told_by_its_beginning_in_one_line() {
        assert_eq!(beginning("  Dear\n\n  diary, "), "Dear diary,");
        assert_eq!(beginning(&"é".repeat(200)).chars().count(), BEGINNING_MAX_CHARS);
    }
}
