//! A message of a model: while it is written, when it is whole, and when it failed.

use shared::reducer::Phase;
use shared::{ContextPolicy, FinishReason, Message, MessageStatus};
use stylist::css;
use yew::prelude::*;

use super::answer_error::answer_error;
use super::answer_facts::answer_facts;
use super::answer_progress::answer_progress;
use super::message_actions::{CopyMessage, pager};
use super::omitted::omitted;
use crate::components::button::{Button, IconButton};
use crate::components::icon::Glyph;
use crate::components::sheet;
use crate::hooks::{use_chat, use_live, use_selected};
use crate::markdown::Markdown;
use crate::platform::time;
use crate::state::conversation::Shown;
use crate::state::models::Models;

thread_local!(static SHEET: AttrValue = sheet(css!(r#"
    padding-top: var(--space-1);

    & > .reasoning {
        margin-bottom: var(--space-3);
        color: var(--muted);
        font-size: 0.9375rem;
    }
    & > .reasoning summary {
        display: inline-block;
        padding: var(--space-1) 0;
        cursor: pointer;
        font-weight: 550;
    }
    & > .reasoning > div {
        padding-left: var(--space-4);
        border-left: 2px solid var(--border);
    }
    & > .foot {
        display: flex;
        flex-wrap: wrap;
        /* What is opened grows below and leaves the line where it is. */
        align-items: flex-start;
        min-height: 2.25rem;
        margin: var(--space-1) 0 0 -0.4rem;
    }
    & > .foot > .actions {
        display: flex;
        align-items: center;
        transition: opacity var(--fast);
    }
    .shy {
        opacity: 0;
    }
    &:hover .shy, &:focus-within .shy {
        opacity: 1;
    }
    & > .ended {
        display: flex;
        flex-wrap: wrap;
        align-items: center;
        gap: var(--space-2) var(--space-3);
        margin: var(--space-3) 0 0;
        font-size: var(--text-s);
        color: var(--muted);
    }
    @media (pointer: coarse) {
        & > .foot {
            min-height: 2.75rem;
        }
        .shy {
            opacity: 1;
        }
    }
"#)));

/// Props of an answer.
#[derive(Properties, PartialEq)]
pub struct AnswerProps {
    /// The message and its place among its siblings.
    pub shown: Shown,
    /// It is the last of the branch: what can be done with it is always shown.
    pub is_last: bool,
}

/// A message of a model.
#[component]
pub fn Answer(props: &AnswerProps) -> Html {
    let chat = use_chat();
    let message = &props.shown.message;
    let is_running = message.status.is_running();
    let live = use_live(message.generation_id.filter(|_| is_running));
    let models = use_selected(&chat.models, |models: &Models| {
        models.items.iter().flatten().map(|model| (model.id.clone(), model.name.clone())).collect::<Vec<_>>()
    });
    let (text, reasoning) = match &live {
        // Before the first word: nothing, or the text of the answer that this one goes on with.
        Some(live) if !live.is_empty() => (live.text.clone(), live.reasoning.clone()),
        _ => (AttrValue::from(message.content.clone()), AttrValue::from(message.reasoning.clone())),
    };
    let name = message.model.as_ref().map(|id| {
        models.iter().find(|(other, _)| other == id).map_or_else(|| id.clone(), |(_, name)| name.clone())
    });
    let again = {
        let (chat, id) = (chat.clone(), message.id);
        Callback::from(move |_: MouseEvent| chat.regenerate(id, ContextPolicy::Refuse))
    };
    let phase = live.as_ref().map_or(Phase::Queued { place: 0 }, |live| live.phase.clone());
    let usage = live.as_ref().map_or(message.usage, |live| live.usage);
    let go_on = can_go_on(message).then(|| {
        let (chat, id) = (chat.clone(), message.id);
        Callback::from(move |_: MouseEvent| chat.continue_answer(id))
    });
    let go_on = go_on.filter(|_| props.is_last);
    // A card with ways on stands where nothing came.
    let has_answer = message.error.is_none() || !message.content.is_empty();
    let shy = (!props.is_last).then_some("shy");
    html! {
        <article class={SHEET.with(AttrValue::clone)} aria-label="Answer" aria-busy={is_running.then_some("true")}>
            { omitted(&chat, &message.omitted_message_ids) }
            if !reasoning.is_empty() {
                <details class="reasoning" open={is_running && text.is_empty()}>
                    <summary>{ if is_running && text.is_empty() { "Thinking …" } else { "Thoughts" } }</summary>
                    <div><Markdown source={reasoning} streaming={is_running} /></div>
                </details>
            }
            if is_running && text.is_empty() {
                { answer_progress(&phase) }
            } else if !text.is_empty() {
                <Markdown source={text} streaming={is_running} />
            }
            if let Some(error) = &message.error {
                { answer_error(&chat, message.id, error, !message.content.is_empty(), go_on.clone()) }
            }
            { ended(message, go_on) }
            <div class="foot">
                { pager(&chat, &props.shown) }
                if !is_running && has_answer {
                    <div class={classes!("actions", shy)}>
                        <CopyMessage message={message.clone()} />
                        <IconButton glyph={Glyph::Again} label="Regenerate" small=true onclick={again} />
                    </div>
                }
                { answer_facts(name, usage, time::local(message.timestamp), !props.is_last) }
            </div>
        </article>
    }
}

/// Whether there is something to go on from, and room to do so.
fn can_go_on(message: &Message) -> bool {
    let has_room = message.usage.is_none_or(|usage| {
        usage.context_tokens == 0
            || usage.prompt_tokens.saturating_add(usage.completion_tokens) < usage.context_tokens
    });
    let ended_early = matches!(
        (message.status, message.finish_reason),
        (MessageStatus::Failed | MessageStatus::Stopped, _)
            | (MessageStatus::Complete, Some(FinishReason::Length))
    );
    ended_early && has_room && !message.content.is_empty()
}

/// Why an answer that did not fail is not whole, and the way on.
fn ended(message: &Message, go_on: Option<Callback<MouseEvent>>) -> Html {
    let words = match (message.status, message.finish_reason) {
        (MessageStatus::Stopped, _) => "You stopped this answer.",
        (MessageStatus::Complete, Some(FinishReason::Length)) if go_on.is_some() => {
            "The answer ends here because it reached its longest length."
        }
        (MessageStatus::Complete, Some(FinishReason::Length)) => {
            "The answer ends here because it reached the longest length that the model has room for."
        }
        _ => return Html::default(),
    };
    html! {
        <p class="ended">
            <span>{ words }</span>
            if let Some(onclick) = go_on {
                <Button {onclick}>{ "Continue" }</Button>
            }
        </p>
    }
}
