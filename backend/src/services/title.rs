//! Names conversations: after an answer the model is asked for a title, as a side job that no chat waits for.
//!
//! Called by the runner of an answer. A title that a person gave is never replaced.

mod name;

use std::time::Duration;

use engine::{
    ChatMessage, ChatRole, GenerateRequest, GenerationEvent, ModelId, Priority, SamplingOptions, TextKind,
};
use shared::{ConversationId, Message, UserId};

use super::generation::Generations;
use crate::error::AppResult;

/// A title is a few words; a model that has not ended by then is not giving one.
const TITLE_TOKENS: u32 = 32;
/// Of a message the model reads so many characters: the subject is at the beginning, and a side job must not read
/// for seconds.
const READ_CHARS: usize = 600;
/// Messages and their titles.
const EXAMPLES: [(&str, &str); 3] = [
    ("How can I fix a flat bicycle tyre at home?", "Fixing a flat bicycle tyre"),
    ("please write a python function that reverses a string", "Reversing a string in Python"),
    ("Explain photosynthesis to a child", "Photosynthesis for children"),
];
/// Side jobs wait while chats run. After this time the person's own words are the title.
const PATIENCE: Duration = Duration::from_secs(60);

/// Names the conversation of an answer that `model` has ended, if it has no name yet.
pub fn after_answer(generations: &Generations, user: UserId, model: Option<ModelId>, answer: Message) {
    let naming = {
        let generations = generations.clone();
        async move {
            if let Err(error) = name_conversation(&generations, user, model, &answer).await {
                tracing::warn!(cause = ?error.cause_chain(), %error, "a conversation stays without a title");
            }
        }
    };
    generations.spawn_side_job(naming);
}

async fn name_conversation(
    generations: &Generations,
    user: UserId,
    model: Option<ModelId>,
    answer: &Message,
) -> AppResult<()> {
    let store = generations.store();
    let id = answer.conversation_id;
    let Some(question_id) = answer.parent_id else { return Ok(()) };
    if !store.conversation(user, id).await?.title.is_empty() {
        return Ok(());
    }
    let question = store.message(user, question_id).await?.content;
    let reply = match model {
        None => None,
        Some(_) if answer.content.is_empty() => None,
        Some(model) => {
            let asked = ask(generations, (user, id), model, &question);
            tokio::time::timeout(PATIENCE, asked).await.ok().flatten()
        }
    };
    let title = reply.as_deref().and_then(name::from_reply).unwrap_or_else(|| name::from_message(&question));
    if !title.is_empty() && store.set_title_if_empty(user, id, &title).await? {
        generations.titled(user, id, title);
    }
    Ok(())
}

/// What the model says; none where it cannot be asked now.
async fn ask(
    generations: &Generations,
    (user, id): (UserId, ConversationId),
    model: ModelId,
    question: &str,
) -> Option<String> {
    let traces = generations.traces();
    let options = SamplingOptions {
        temperature: Some(0.0),
        max_tokens: Some(TITLE_TOKENS),
        ..SamplingOptions::default()
    };
    let request = GenerateRequest {
        model,
        user: traces.user(user),
        conversation: Some(traces.conversation(id)),
        prompt: conversation(question).into(),
        sampling: options.check().ok()?,
        answer_so_far: Vec::new(),
        priority: Priority::Side,
    };
    let mut generation = generations.engine().generate(request).await.ok()?;
    let mut reply = String::new();
    loop {
        match generation.next().await? {
            GenerationEvent::Text { kind: TextKind::Answer, text, .. } => reply.push_str(&text),
            GenerationEvent::Done { .. } => return Some(reply),
            GenerationEvent::Failed(_) => return None,
            _ => {}
        }
    }
}

/// Shows how it is done, then asks. Small models answer the question instead when they are merely told what a title
/// is, or when they read the answer too.
fn conversation(question: &str) -> Vec<ChatMessage> {
    let said = |role, content: String| ChatMessage::new(role, content);
    let ask = |message: &str| {
        said(ChatRole::User, format!("Write a title of two to six words for this message:\n\n{message}"))
    };
    let beginning: String = question.chars().take(READ_CHARS).collect();
    EXAMPLES
        .iter()
        .flat_map(|(message, title)| [ask(message), said(ChatRole::Assistant, (*title).to_owned())])
        .chain([ask(&beginning)])
        .collect()
}
