//! One message of the branch. The same component from the first token to the end and ever after, keyed by the
//! message: nothing is swapped when an answer ends, so selection and scroll survive.

use shared::Author;
use stylist::css;
use yew::prelude::*;

use super::answer::Answer;
use super::question::Question;
use crate::components::sheet;
use crate::state::conversation::Shown;

thread_local!(static SHEET: AttrValue = sheet(css!(r#"
    width: 100%;
    max-width: var(--measure);
    margin: 0 auto;
    padding: 0 var(--space-5);
    content-visibility: auto;
    contain-intrinsic-size: auto 10rem;

    &.new {
        animation: message-comes var(--normal);
    }
    @media (max-width: 767px) {
        padding: 0 var(--space-4);
    }
    @keyframes message-comes {
        from { opacity: 0; transform: translateY(6px); }
    }
"#)));

/// The class of a row of the list.
pub fn row_class(is_new: bool) -> Classes {
    classes!(SHEET.with(AttrValue::clone), is_new.then_some("new"))
}

/// Props of a message.
#[derive(Properties, PartialEq)]
pub struct MessageProps {
    /// The message and its place among its siblings.
    pub shown: Shown,
    /// It is the last of the branch.
    pub is_last: bool,
}

/// One message.
#[component]
pub fn Message(props: &MessageProps) -> Html {
    let shown = props.shown.clone();
    // A message of a person has come already when it was sent; an answer comes when it begins.
    let is_new = *use_state(|| shown.message.status.is_running());
    html! {
        <li class={row_class(is_new)}>
            if shown.message.role == Author::User {
                <Question {shown} />
            } else {
                <Answer {shown} is_last={props.is_last} />
            }
        </li>
    }
}
