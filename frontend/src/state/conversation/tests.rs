use shared::reducer::Answers;
use shared::{ApiError, ErrorCode, StreamEvent, Usage};
use time::OffsetDateTime;

use super::*;

fn message(parent: Option<MessageId>, role: Author, content: &str) -> Message {
    Message {
        id: MessageId::new(),
        conversation_id: ConversationId::new(),
        parent_id: parent,
        role,
        content: content.into(),
        reasoning: String::new(),
        status: MessageStatus::Complete,
        timestamp: OffsetDateTime::UNIX_EPOCH,
        code_blocks: Vec::new(),
        model: None,
        generation_id: None,
        usage: None,
        finish_reason: None,
        error: None,
        omitted_message_ids: Vec::new(),
        continues: None,
    }
}

fn running(parent: MessageId) -> Message {
    Message {
        status: MessageStatus::Pending,
        generation_id: Some(GenerationId::new()),
        ..message(Some(parent), Author::Assistant, "")
    }
}

fn texts(conversation: &Conversation) -> Vec<String> {
    conversation.branch().iter().map(|shown| shown.message.content.clone()).collect()
}

/// Two questions with answers; the second question has an edit with an answer of its own.
fn tree() -> (Conversation, Vec<Message>) {
    let q1 = message(None, Author::User, "q1");
    let a1 = message(Some(q1.id), Author::Assistant, "a1");
    let q2 = message(Some(a1.id), Author::User, "q2");
    let a2 = message(Some(q2.id), Author::Assistant, "a2");
    let edit = message(Some(a1.id), Author::User, "q2 edited");
    let a3 = message(Some(edit.id), Author::Assistant, "a3");
    let all = vec![q1, a1, q2, a2, edit, a3];
    let mut conversation = Conversation::default();
    conversation.merge(Page { items: all.iter().rev().cloned().collect(), next_cursor: None });
    conversation.show(None);
    (conversation, all)
}

#[test]
fn the_newest_branch_is_shown_where_none_was_chosen() {
    let (conversation, _) = tree();
    assert_eq!(texts(&conversation), ["q1", "a1", "q2 edited", "a3"]);
}

#[test]
fn the_pager_walks_the_siblings_and_shows_what_follows_them() {
    let (mut conversation, all) = tree();
    let shown = conversation.branch();
    assert_eq!((shown[2].place, shown[2].siblings), (2, 2));
    assert_eq!((shown[0].place, shown[0].siblings), (1, 1));
    let leaf = conversation.leaf_beside(all[4].id, -1);
    assert_eq!(leaf, Some(all[3].id));
    conversation.show(leaf);
    assert_eq!(texts(&conversation), ["q1", "a1", "q2", "a2"]);
    assert_eq!(conversation.leaf_beside(all[2].id, -1), None);
    assert_eq!(conversation.leaf_beside(all[2].id, 1), Some(all[5].id));
}

#[test]
fn a_branch_is_cut_where_older_messages_are_not_loaded() {
    let (whole, all) = tree();
    let mut conversation = Conversation::default();
    conversation.merge(Page { items: vec![all[5].clone(), all[4].clone()], next_cursor: Some("c".into()) });
    conversation.show(Some(all[5].id));
    assert_eq!(texts(&conversation), ["q2 edited", "a3"]);
    conversation.merge(Page { items: all[..4].to_vec(), next_cursor: None });
    assert_eq!(conversation.branch(), {
        let mut again = conversation.clone();
        again.show(whole.leaf());
        again.branch()
    });
    assert_eq!(texts(&conversation), texts(&whole));
}

#[test]
fn an_acknowledged_message_keeps_its_key_and_its_answer_becomes_the_leaf() {
    let (mut conversation, _) = tree();
    let client_id = ClientId::new();
    let question = message(conversation.leaf(), Author::User, "q3");
    let answer = running(question.id);
    conversation.acknowledge(client_id, question.clone(), answer.clone());
    let branch = conversation.branch();
    assert_eq!(branch[4].key.as_ref(), client_id.to_string());
    assert_eq!(conversation.running(), answer.generation_id);
    assert_eq!(conversation.leaf(), Some(answer.id));
}

#[test]
fn a_finished_answer_is_not_undone_by_a_late_view_of_it() {
    let (mut conversation, _) = tree();
    let question = message(conversation.leaf(), Author::User, "q3");
    let answer = running(question.id);
    let generation_id = answer.generation_id.unwrap();
    conversation.insert(question);
    conversation.insert(answer.clone());
    let mut answers = Answers::new();
    answers.apply(&StreamEvent::Delta {
        generation_id,
        message_id: answer.id,
        epoch: 1,
        seq: 1,
        byte_offset: 0,
        kind: shared::ChunkKind::Text,
        text: "```rust\nfn main() {}\n```".into(),
    });
    answers.apply(&StreamEvent::Done {
        generation_id,
        message_id: answer.id,
        finish_reason: FinishReason::Stop,
        usage: Usage { prompt_tokens: 30, completion_tokens: 12, context_tokens: 100, ..Usage::default() },
    });
    conversation.finish(generation_id, answers.get(generation_id).unwrap());
    conversation.refresh(vec![answer.clone()]);
    let now = conversation.get(answer.id).unwrap();
    assert_eq!(now.status, MessageStatus::Complete);
    assert_eq!(now.code_blocks.len(), 1);
    assert_eq!(conversation.running(), None);
    assert_eq!(conversation.context(), Some((42, 100)));
}

#[test]
fn an_answer_that_failed_keeps_its_text_and_its_error() {
    let (mut conversation, _) = tree();
    let answer = running(conversation.leaf().unwrap());
    let generation_id = answer.generation_id.unwrap();
    conversation.insert(answer.clone());
    let mut answers = Answers::new();
    let error = ApiError::new(ErrorCode::EngineFailed, "gone");
    answers.apply(&StreamEvent::Error { generation_id: Some(generation_id), error: error.clone() });
    conversation.finish(generation_id, answers.get(generation_id).unwrap());
    let now = conversation.get(answer.id).unwrap();
    assert_eq!((now.status, now.error.as_ref()), (MessageStatus::Failed, Some(&error)));
}

#[test]
fn a_message_that_did_not_change_is_not_drawn_again() {
    let (mut conversation, all) = tree();
    let before = conversation.branch();
    conversation.refresh(all);
    assert_eq!(before, conversation.branch());
}

#[test]
fn the_question_of_an_answer_is_found_up_the_branch() {
    let (conversation, all) = tree();
    assert_eq!(conversation.question_of(all[3].id).map(|message| message.id), Some(all[2].id));
    assert_eq!(conversation.question_of(all[2].id).map(|message| message.id), Some(all[2].id));
}

/// The tree with its last answer stopped, and an answer that goes on with it.
fn continued() -> (Conversation, Message, Message) {
    let (mut conversation, all) = tree();
    let mut stopped = all[5].clone();
    stopped.status = MessageStatus::Stopped;
    conversation.refresh(vec![stopped.clone()]);
    let longer = Message { continues: Some(stopped.id), ..running(all[4].id) };
    conversation.insert(longer.clone());
    (conversation, stopped, longer)
}

#[test]
fn an_answer_that_goes_on_takes_the_place_of_the_one_before_it() {
    let (conversation, stopped, longer) = continued();
    let branch = conversation.branch();
    let last = branch.last().unwrap();
    assert_eq!(last.message.id, longer.id, "also on the device that did not ask for it");
    assert_eq!(last.message.content, "a3", "what was shown stays until the stream has it");
    assert_eq!((last.place, last.siblings), (1, 1));
    assert_eq!(*last.key, *stopped.id.to_string(), "the same to the page");
    assert_eq!(conversation.running(), longer.generation_id);
}

#[test]
fn an_answer_that_goes_on_twice_is_still_one() {
    let (mut conversation, stopped, longer) = continued();
    let ended = Message { status: MessageStatus::Failed, content: "a3 and".into(), ..longer.clone() };
    let longest = Message { continues: Some(longer.id), ..running(longer.parent_id.unwrap()) };
    conversation.refresh(vec![ended, longest.clone()]);
    conversation.show(Some(stopped.id));
    let branch = conversation.branch();
    let last = branch.last().unwrap();
    assert_eq!((last.message.id, last.siblings), (longest.id, 1));
    assert_eq!(last.message.content, "a3 and");
    assert_eq!(*last.key, *stopped.id.to_string());
}

#[test]
fn the_pager_counts_an_answer_that_goes_on_once_and_in_its_old_place() {
    let (mut conversation, stopped, longer) = continued();
    let again = message(longer.parent_id, Author::Assistant, "another");
    let longer_still = Message { continues: Some(stopped.id), ..running(longer.parent_id.unwrap()) };
    conversation.refresh(vec![again.clone(), longer_still.clone()]);
    conversation.show(Some(longer_still.id));
    let last = conversation.branch().pop().unwrap();
    assert_eq!((last.place, last.siblings), (2, 3), "two devices went on with it at the same time");
    assert_eq!(conversation.leaf_beside(longer_still.id, 1), Some(again.id));
}

#[test]
fn what_follows_an_answer_stays_reachable_when_somebody_goes_on_with_it() {
    let (mut conversation, all) = tree();
    let longer =
        Message { continues: Some(all[1].id), ..message(Some(all[0].id), Author::Assistant, "a1 and") };
    conversation.refresh(vec![longer.clone()]);
    conversation.show(Some(longer.id));
    let last = conversation.branch().pop().unwrap();
    assert_eq!((last.message.id, last.place, last.siblings), (longer.id, 2, 2));
    assert_eq!(conversation.leaf_beside(longer.id, -1), Some(all[5].id));
}

#[test]
fn what_was_added_while_the_device_was_away_is_shown_when_the_messages_come_again() {
    let (mut conversation, all) = tree();
    let question = message(conversation.leaf(), Author::User, "q3");
    let answer = message(Some(question.id), Author::Assistant, "a3'");
    conversation.refresh([vec![answer.clone(), question], all.into_iter().rev().collect()].concat());
    assert_eq!(conversation.leaf(), Some(answer.id));
    conversation.insert(Message { content: "seen again".into(), ..answer.clone() });
    assert_eq!(conversation.leaf(), Some(answer.id));
}

#[test]
fn a_branch_that_somebody_else_began_does_not_take_the_place_of_the_one_that_is_read() {
    let (mut conversation, all) = tree();
    let before = conversation.leaf();
    let edit = message(Some(all[1].id), Author::User, "q2 edited again");
    conversation.refresh(vec![message(Some(edit.id), Author::Assistant, "a4"), edit]);
    assert_eq!(conversation.leaf(), before);
}

#[test]
fn a_running_answer_keeps_what_is_shown_of_it_when_the_server_tells_it_without_text() {
    let (mut conversation, _) = tree();
    let answer = running(conversation.leaf().unwrap());
    let generation_id = answer.generation_id.unwrap();
    conversation.insert(answer.clone());
    let mut answers = Answers::new();
    answers.apply(&StreamEvent::Snapshot {
        generation_id,
        message_id: answer.id,
        epoch: 1,
        seq: 3,
        text: "so far".into(),
        reasoning: "hm".into(),
        tool: String::new(),
    });
    conversation.catch_up(generation_id, answers.get(generation_id).unwrap());
    conversation.refresh(vec![Message { status: MessageStatus::Streaming, ..answer.clone() }]);
    let now = conversation.get(answer.id).unwrap();
    assert_eq!((now.content.as_str(), now.reasoning.as_str()), ("so far", "hm"));
    assert_eq!(now.status, MessageStatus::Streaming);
}
