//! The component that shows Markdown.

use yew::prelude::*;

use super::render::blocks;
use super::stream::Stream;

/// What [`Markdown`] takes.
#[derive(Clone, Debug, PartialEq, Properties)]
pub struct MarkdownProps {
    /// The whole text so far.
    pub source: AttrValue,
    /// Whether more is to come.
    #[prop_or_default]
    pub streaming: bool,
}

/// A text in Markdown. While it grows, only the block at its end is parsed and rendered again; when it is
/// complete, it is parsed once more as a whole and what is the same stays untouched.
#[component]
pub fn Markdown(props: &MarkdownProps) -> Html {
    let stream = use_mut_ref(Stream::default);
    let mut stream = stream.borrow_mut();
    stream.update(&props.source, props.streaming);
    // A text that was whole and grows again stays as it is: what has been read must not come a second time.
    let grows_first_time = use_mut_ref(|| true);
    let is_growing = *grows_first_time.borrow() && props.streaming;
    grows_first_time.replace(is_growing);
    html! {
        <div class={classes!("prose", is_growing.then_some("growing"))}>{ blocks(stream.blocks()) }</div>
    }
}
