//! Answers whose server or engine dies: they go on by themselves, and nothing that was shown changes.

mod killed;
mod left;
mod restart;
mod worker;

use engine::scripted::expected_answer;
use engine::{ChatMessage, ChatRole, SamplingOptions};
use shared::{GenerationOptions, Message, SendAccepted, StreamEvent, paths};

use crate::support::{Actor, Reader, greedy};

/// Long enough to be in the middle of.
const QUESTION: &str = "tokens:80 pause:10";

/// What the scripted model answers to a first message.
fn foretold(question: &str) -> String {
    expected_answer(&asks(question), &sampling(&greedy()).check().expect("sampling params"))
}

fn asks(question: &str) -> Vec<ChatMessage> {
    vec![ChatMessage::new(ChatRole::User, question)]
}

fn sampling(options: &GenerationOptions) -> SamplingOptions {
    SamplingOptions {
        temperature: options.temperature,
        max_tokens: options.max_tokens,
        stop: options.stop.clone(),
        seed: Some(1),
        ..SamplingOptions::default()
    }
}

async fn until_chunk(reader: &mut Reader, at_least: u32) {
    reader.until(|event| matches!(event, StreamEvent::Delta { seq, .. } if *seq >= at_least)).await;
}

/// A reader that comes back where another one was.
async fn back(ada: &Actor, sent: &SendAccepted, before: Reader) -> Reader {
    let path = paths::stream_conversation(sent.conversation_id);
    let mut reader = Reader::open(ada, &path, before.answers.cursor()).await;
    reader.answers = before.answers;
    reader
}

async fn kept(ada: &Actor, sent: &SendAccepted) -> Message {
    ada.message(sent.conversation_id, sent.message_id).await
}

fn errors(reader: &Reader) -> Vec<&StreamEvent> {
    reader.seen.iter().filter(|event| matches!(event, StreamEvent::Error { .. })).collect()
}
