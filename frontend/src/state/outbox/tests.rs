use shared::{GenerationId, GenerationOptions, MessageId};

use super::*;

fn message(content: &str) -> SendMessage {
    SendMessage {
        client_id: ClientId::new(),
        conversation_id: None,
        parent_id: None,
        from_start: false,
        content: content.into(),
        model: None,
        options: GenerationOptions::default(),
    }
}

fn kept(content: &str) -> Kept {
    Kept::new(message(content), None)
}

fn behind(content: &str, before: &Kept) -> Kept {
    Kept::new(message(content), Some(before.id()))
}

fn accepted() -> SendAccepted {
    SendAccepted {
        conversation_id: ConversationId::new(),
        user_message_id: MessageId::new(),
        message_id: MessageId::new(),
        generation_id: GenerationId::new(),
    }
}

fn refusal(code: ErrorCode) -> Failure {
    Failure::Refused(ApiError::new(code, "no"))
}

/// Through local storage and back.
fn reloaded(kept: &[&Kept]) -> Outbox {
    let stored: Vec<String> = kept.iter().map(|kept| serde_json::to_string(kept).unwrap()).collect();
    Outbox::restored(stored.iter().map(|text| serde_json::from_str(text).unwrap()).collect())
}

fn delivery(outbox: &Outbox, kept: &Kept) -> Delivery {
    outbox.get(kept.id()).unwrap().delivery.clone()
}

#[test]
fn a_retry_sends_the_same_bytes_and_only_once_at_a_time() {
    let mut outbox = Outbox::default();
    let hello = kept("hello");
    outbox.push(hello.clone(), true);
    assert_eq!(outbox.start(hello.id()), Some((hello.clone(), 0)));
    assert_eq!(outbox.start(hello.id()), None);
    assert_eq!(outbox.fail(hello.id(), 0, Failure::Unreachable), Some(1));
    assert_eq!(outbox.waiting(), [hello.id()]);
    assert_eq!(outbox.start(hello.id()), Some((hello.clone(), 1)));
    assert_eq!(outbox.waiting(), []);
}

#[test]
fn a_refused_message_waits_for_a_person_and_stays_refused_after_a_reload() {
    let mut outbox = Outbox::default();
    let hello = kept("hello");
    outbox.push(hello.clone(), true);
    outbox.start(hello.id());
    assert_eq!(outbox.fail(hello.id(), 0, refusal(ErrorCode::UnknownModel)), None);
    assert_eq!(outbox.waiting(), []);
    let mut after = reloaded(&[&outbox.get(hello.id()).unwrap().kept]);
    assert!(matches!(delivery(&after, &hello), Delivery::Refused(_)));
    assert_eq!(after.start(hello.id()), Some((hello, 0)));
}

#[test]
fn a_reload_brings_back_everything_that_was_not_acknowledged() {
    let (first, second) = (kept("first"), kept("second"));
    let outbox = reloaded(&[&second, &first]);
    assert_eq!(outbox.waiting(), [first.id(), second.id()]);
}

#[test]
fn a_fault_of_the_server_is_tried_again_but_not_for_ever() {
    let mut outbox = Outbox::default();
    let hello = kept("hello");
    outbox.push(hello.clone(), true);
    outbox.start(hello.id());
    assert_eq!(outbox.fail(hello.id(), 0, refusal(ErrorCode::Internal)), Some(1));
    assert_eq!(outbox.fail(hello.id(), 1, refusal(ErrorCode::Internal)), Some(2));
    assert_eq!(outbox.fail(hello.id(), 2, refusal(ErrorCode::Internal)), None);
    assert!(matches!(delivery(&outbox, &hello), Delivery::Refused(_)));
}

#[test]
fn what_is_written_below_a_waiting_message_follows_its_answer() {
    let mut outbox = Outbox::default();
    let first = kept("first");
    let second = behind("second", &first);
    let third = behind("third", &second);
    for kept in [&first, &second, &third] {
        outbox.push(kept.clone(), true);
    }
    assert_eq!(outbox.waiting(), [first.id()]);
    assert_eq!(outbox.start(second.id()), None, "its parent is not known yet");
    let mut outbox = reloaded(&[&first, &second, &third]);
    let ids = accepted();
    let released = outbox.give_parent(first.id(), &ids);
    outbox.remove(first.id());
    assert_eq!(released.len(), 1);
    assert_eq!(released[0].request.parent_id, Some(ids.message_id));
    assert_eq!(released[0].request.conversation_id, Some(ids.conversation_id));
    assert_eq!(outbox.waiting(), [second.id()]);
    assert_eq!(delivery(&outbox, &third), Delivery::Behind);
    assert_eq!(outbox.newest_of(None).map(|entry| entry.kept.id()), Some(third.id()));
}

#[test]
fn what_stood_behind_a_discarded_message_takes_its_place() {
    let (first, mut second) = (kept("first"), kept("second"));
    second.after = Some(first.id());
    let third = behind("third", &second);
    let mut outbox = reloaded(&[&first, &second, &third]);
    let (_, moved) = outbox.remove(second.id()).unwrap();
    assert_eq!(moved[0].after, Some(first.id()));
    let (_, released) = outbox.remove(first.id()).unwrap();
    assert_eq!((released[0].id(), released[0].after), (third.id(), None));
    assert_eq!(outbox.waiting(), [third.id()]);
}

#[test]
fn a_message_whose_conversation_is_gone_can_begin_another_one() {
    let mut outbox = Outbox::default();
    let mut hello = kept("hello");
    hello.request.conversation_id = Some(ConversationId::new());
    hello.request.parent_id = Some(MessageId::new());
    outbox.push(hello.clone(), true);
    outbox.start(hello.id());
    outbox.fail(hello.id(), 0, refusal(ErrorCode::NotFound));
    let shown: Vec<_> = outbox.of(None).map(|entry| entry.kept.request.clone()).collect();
    assert_eq!(shown.len(), 1);
    assert_eq!((shown[0].conversation_id, shown[0].parent_id), (None, None));
}

#[test]
fn a_taken_id_is_replaced_by_a_new_one() {
    let first = kept("first");
    let second = behind("second", &first);
    let mut outbox = reloaded(&[&first, &second]);
    outbox.start(first.id());
    outbox.fail(first.id(), 0, refusal(ErrorCode::Conflict));
    let renamed = outbox.rename(first.id()).unwrap();
    assert_ne!(renamed.id(), first.id());
    assert_eq!(renamed.request.content, "first");
    assert!(outbox.get(first.id()).is_none());
    assert_eq!(outbox.get(second.id()).unwrap().kept.after, Some(renamed.id()));
}

#[test]
fn the_answer_before_it_is_waited_for() {
    let mut error = ApiError::new(ErrorCode::Conflict, "still being written");
    error.retry_after_s = Some(2);
    let mut outbox = Outbox::default();
    let hello = kept("hello");
    outbox.push(hello.clone(), true);
    outbox.start(hello.id());
    assert_eq!(outbox.fail(hello.id(), 0, Failure::Refused(error)), Some(1));
}

#[test]
fn another_tabs_first_message_is_not_shown_in_this_ones_new_chat() {
    let mut outbox = Outbox::default();
    let theirs = kept("theirs");
    assert!(outbox.adopt(theirs.clone()));
    assert!(!outbox.adopt(theirs.clone()));
    assert_eq!(outbox.of(None).count(), 0);
    assert_eq!(outbox.waiting(), [theirs.id()], "yet it is sent should the other tab be gone");
    let mut in_conversation = kept("there");
    in_conversation.request.conversation_id = Some(ConversationId::new());
    outbox.adopt(in_conversation.clone());
    assert_eq!(outbox.of(in_conversation.request.conversation_id).count(), 1);
}

#[test]
fn news_of_another_tab_does_not_disturb_what_is_under_way_here() {
    let mut outbox = Outbox::default();
    let hello = kept("hello");
    outbox.push(hello.clone(), true);
    outbox.start(hello.id());
    outbox.adopt(hello.clone());
    assert_eq!(delivery(&outbox, &hello), Delivery::Sending);
    outbox.fail(hello.id(), 4, Failure::Unreachable);
    outbox.adopt(hello.clone());
    assert!(matches!(delivery(&outbox, &hello), Delivery::Waiting { attempt: 5, .. }));
}

#[test]
fn a_message_that_follows_a_running_answer_is_held_until_it_is_tried() {
    let mut outbox = Outbox::default();
    let hello = kept("hello");
    outbox.push(hello.clone(), true);
    outbox.hold(hello.id());
    assert_eq!(delivery(&outbox, &hello), Delivery::Held);
    assert_eq!(outbox.waiting(), [hello.id()]);
    assert!(!outbox.adopt(hello.clone()), "another tab tells of it");
    assert_eq!(delivery(&outbox, &hello), Delivery::Held);
    assert_eq!(outbox.start(hello.id()), Some((hello.clone(), 0)));
    outbox.hold(hello.id());
    assert_eq!(delivery(&outbox, &hello), Delivery::Sending, "what is on its way is not called back");
}

#[test]
fn what_waits_for_another_message_does_not_wait_for_an_answer() {
    let mut outbox = Outbox::default();
    let first = kept("first");
    let second = behind("second", &first);
    outbox.push(first.clone(), true);
    outbox.push(second.clone(), true);
    outbox.hold(second.id());
    assert_eq!(delivery(&outbox, &second), Delivery::Behind);
}
