//! Whether every message that was acknowledged is there once, in its place, and every answer says what its model says.

use std::collections::BTreeMap;

use engine::scripted::expected_answer;
use engine::{ChatMessage, ChatRole, SamplingOptions, SamplingParams};
use shared::{GenerationOptions, MessageId, SendAccepted};

use super::record::{MessageRecord, Record};
use crate::ledger::{Ask, Asked, Ledger, Rule};

/// Checks all of it.
pub fn check(ledger: &Ledger, record: &Record) {
    check_conversations(ledger, record);
    let asked = ledger.asked();
    let options = options_by_message(&asked);
    for one in &asked {
        // What was never acknowledged may be there once or not at all.
        check_count(ledger, record, one);
        let Some(accepted) = one.accepted else { continue };
        if !check_place(ledger, record, one, accepted) {
            continue;
        }
        check_text(ledger, record, accepted, options.get(&accepted.message_id));
    }
    let expected = asked.iter().filter_map(|one| one.accepted).count();
    let unacknowledged = asked.iter().filter(|one| one.accepted.is_none()).count();
    let found = record.generations.len();
    ledger.check(Rule::SentOnce, (expected..=expected + unacknowledged).contains(&found), || {
        format!("{found} answers are kept, {expected} were acknowledged, {unacknowledged} were not")
    });
}

/// A conversation whose making was repeated under one key is there once.
fn check_conversations(ledger: &Ledger, record: &Record) {
    for (title, id) in ledger.conversations() {
        let found: Vec<_> =
            record.conversations.iter().filter(|(_, it)| *it == title).map(|(id, _)| *id).collect();
        let right = match id {
            Some(id) => found == [id],
            None => found.len() <= 1,
        };
        ledger.check(Rule::RepeatsAreHarmless, right, || {
            format!("{title:?} was answered with {id:?}, there are {found:?}")
        });
    }
}

fn check_count(ledger: &Ledger, record: &Record, one: &Asked) {
    let Ask::Send { content, .. } = &one.what else { return };
    let found =
        record.messages.values().filter(|message| message.by_person && message.content == *content).count();
    let right = found == 1 || (found == 0 && one.accepted.is_none());
    ledger
        .check(Rule::SentOnce, right, || format!("the message of {} is there {found} times", one.client_id));
}

/// False where something is missing: then nothing can be foretold of the answer.
fn check_place(ledger: &Ledger, record: &Record, one: &Asked, accepted: SendAccepted) -> bool {
    let answer = record.messages.get(&accepted.message_id);
    let question = record.messages.get(&accepted.user_message_id);
    let generation = record.generations.get(&accepted.generation_id);
    let (Some(answer), Some(question), Some(generation)) = (answer, question, generation) else {
        ledger.check(Rule::SentOnce, false, || format!("{accepted:?} was acknowledged and is not there"));
        return false;
    };
    let right = answer.parent == Some(accepted.user_message_id)
        && answer.conversation == accepted.conversation_id
        && question.conversation == accepted.conversation_id
        && generation.message == accepted.message_id;
    ledger.check(Rule::SentOnce, right, || {
        format!("{accepted:?} is in another place: {answer:?} under {question:?}")
    });
    let (right, expected) = match &one.what {
        Ask::Send { content, parent } => {
            (question.parent == *parent && question.content == *content, *parent)
        }
        Ask::Regenerate { beside } => (same_parent(record, *beside, answer), Some(*beside)),
        Ask::Continue { of } => {
            (same_parent(record, *of, answer) && answer.continues == Some(*of), Some(*of))
        }
    };
    ledger.check(Rule::SentOnce, right, || {
        format!("{} should stand behind or beside {expected:?}: {answer:?} under {question:?}", one.client_id)
    });
    true
}

fn same_parent(record: &Record, beside: MessageId, answer: &MessageRecord) -> bool {
    record.messages.get(&beside).is_some_and(|sibling| sibling.parent == answer.parent)
}

fn check_text(ledger: &Ledger, record: &Record, accepted: SendAccepted, options: Option<&GenerationOptions>) {
    let Some(answer) = record.messages.get(&accepted.message_id) else { return };
    let shown = ledger.answer(accepted.generation_id).shown;
    ledger.check(Rule::ShownIsKept, answer.content.starts_with(&shown), || {
        format!("of {} was shown {shown:?}, and kept {:?}", accepted.generation_id, answer.content)
    });
    // What was gone on with has its tokens, and room for as many as were asked for.
    let room = answer.continues.map_or(0, |of| record.tokens(of));
    let Some(sampling) = options.and_then(|options| sampling(options, room)) else {
        return ledger.check(Rule::OwnText, false, || format!("{accepted:?}: with which options?"));
    };
    let expected = expected_answer(&prompt(&record.path(accepted.user_message_id)), &sampling);
    let whole = answer.status == "complete";
    let right = if whole { answer.content == expected } else { expected.starts_with(&answer.content) };
    ledger.check(Rule::OwnText, right, || {
        let (content, id) = (&answer.content, accepted.generation_id);
        format!("{id} ({}) is {content:?} and should be {expected:?}", answer.status)
    });
}

/// The options of every answer; one that goes on with another has the other's.
fn options_by_message(asked: &[Asked]) -> BTreeMap<MessageId, GenerationOptions> {
    let accepted: BTreeMap<MessageId, &Asked> =
        asked.iter().filter_map(|one| Some((one.accepted?.message_id, one))).collect();
    accepted.iter().map(|(id, one)| (*id, origin(one, &accepted).options.clone())).collect()
}

/// The request that an answer goes back to.
fn origin<'a>(mut one: &'a Asked, accepted: &BTreeMap<MessageId, &'a Asked>) -> &'a Asked {
    while let Ask::Continue { of } = &one.what
        && let Some(earlier) = accepted.get(of)
    {
        one = earlier;
    }
    one
}

pub fn sampling(options: &GenerationOptions, room: u32) -> Option<SamplingParams> {
    let options = SamplingOptions {
        temperature: options.temperature,
        seed: options.seed,
        max_tokens: options.max_tokens.map(|most| most + room),
        ..SamplingOptions::default()
    };
    options.check().ok()
}

/// A branch as a model reads it: answers without text are not read, and what was said before and after one is one
/// message.
pub fn prompt(path: &[&MessageRecord]) -> Vec<ChatMessage> {
    let mut messages: Vec<ChatMessage> = Vec::new();
    for message in path.iter().filter(|message| !message.content.is_empty()) {
        let role = if message.by_person { ChatRole::User } else { ChatRole::Assistant };
        match messages.last_mut() {
            Some(last) if last.role == role => {
                last.content.push_str("\n\n");
                last.content.push_str(&message.content);
            }
            _ => messages.push(ChatMessage::new(role, message.content.clone())),
        }
    }
    messages
}
