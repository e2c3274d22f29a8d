//! Violations in the database, behind the server's back.

use std::collections::BTreeSet;

use shared::{ConversationId, GenerationId, MessageId};

use super::world::World;
use super::{found, only};
use crate::ledger::Rule;

#[test]
fn an_acknowledged_message_that_is_gone_was_not_sent_once() {
    let rules = found(|world| {
        let id = world.answers[0].user_message_id;
        world.record.messages.remove(&id);
    });
    // The answer behind it reads a prompt that nobody can foretell any more.
    assert_eq!(rules, BTreeSet::from([Rule::SentOnce, Rule::OwnText]));
}

#[test]
fn the_last_message_that_is_gone_was_not_sent_once() {
    let rules = found(|world| {
        let id = world.answers[2].user_message_id;
        world.record.messages.remove(&id);
    });
    assert_eq!(rules, only(Rule::SentOnce));
}

#[test]
fn a_message_that_is_there_twice_was_not_sent_once() {
    let rules = found(|world| {
        let message = world.record.messages[&world.answers[0].user_message_id].clone();
        world.record.messages.insert(MessageId::new(), message);
    });
    assert_eq!(rules, only(Rule::SentOnce));
}

#[test]
fn a_message_in_another_conversation_was_not_sent_once() {
    let rules = found(|world| {
        let id = world.answers[2].user_message_id;
        world.record.messages.get_mut(&id).unwrap().conversation = ConversationId::new();
    });
    assert_eq!(rules, only(Rule::SentOnce));
}

#[test]
fn an_answer_that_nobody_asked_for_was_not_sent_once() {
    let rules = found(|world| {
        let generation = world.generation(0).clone();
        world.record.generations.insert(GenerationId::new(), generation);
    });
    assert_eq!(rules, only(Rule::SentOnce));
}

#[test]
fn a_repeat_that_is_answered_with_other_ids_is_not_harmless() {
    let rules = found(|world| {
        let mut other = world.answers[0];
        other.message_id = MessageId::new();
        let first = world.answers[0];
        world.acknowledge_as(0, first);
        world.acknowledge_as(0, other);
    });
    assert_eq!(rules, only(Rule::RepeatsAreHarmless));
}

#[test]
fn a_conversation_that_is_made_twice_under_one_key_is_not_harmless() {
    let rules = found(|world| {
        let id = ConversationId::new();
        world.ledger.begins("somebody", "a title");
        world.ledger.begun("somebody", "a title", id);
        let twice = [(id, "a title".to_owned()), (ConversationId::new(), "a title".to_owned())];
        world.record.conversations.extend(twice);
    });
    assert_eq!(rules, only(Rule::RepeatsAreHarmless));
}

#[test]
fn a_chunk_that_is_missing_breaks_the_journal() {
    let rules = found(|world| {
        world.generation(0).chunks.remove(1);
    });
    assert_eq!(rules, only(Rule::JournalWhole));
}

#[test]
fn a_chunk_that_is_there_twice_breaks_the_journal() {
    let rules = found(|world| {
        let generation = world.generation(0);
        let mut chunk = generation.chunks.last().unwrap().clone();
        chunk.seq += 1;
        generation.last_seq += 1;
        generation.chunks.push(chunk);
    });
    assert_eq!(rules, only(Rule::JournalWhole));
}

#[test]
fn two_owners_who_write_by_turns_break_the_journal() {
    let rules = found(|world| {
        let generation = world.generation(0);
        generation.epoch = 2;
        generation.chunks[1].epoch = 2;
    });
    assert_eq!(rules, only(Rule::JournalWhole));
}

#[test]
fn a_chunk_of_an_owner_who_never_was_breaks_the_journal() {
    let rules = found(|world| world.generation(0).chunks.last_mut().unwrap().epoch = 2);
    assert_eq!(rules, only(Rule::JournalWhole));
}

#[test]
fn an_offset_that_does_not_fit_breaks_the_journal() {
    let rules = found(|world| world.generation(0).chunks[1].byte_offset += 1);
    assert_eq!(rules, only(Rule::JournalWhole));
}

#[test]
fn a_message_that_is_not_its_journal_breaks_the_journal_and_is_not_what_was_shown() {
    let rules = found(|world| world.answer_message(1).content = "something else".into());
    let both = [Rule::JournalWhole, Rule::ShownIsKept, Rule::OwnText, Rule::DevicesAgree];
    assert_eq!(rules, BTreeSet::from(both));
}

#[test]
fn an_answer_that_was_shown_and_is_another_now_is_found_by_all_who_know_it() {
    let rules = found(|world| world.rewrite(1, "something else"));
    assert_eq!(rules, BTreeSet::from([Rule::ShownIsKept, Rule::OwnText, Rule::DevicesAgree]));
}

#[test]
fn an_answer_that_lost_its_last_word_is_not_what_was_shown() {
    // A stopped answer may be shorter as far as its model is concerned.
    let rules = found(|world| {
        let mut text = world.text(1);
        text.pop();
        world.rewrite(1, &text);
    });
    assert_eq!(rules, BTreeSet::from([Rule::ShownIsKept, Rule::DevicesAgree]));
}

#[test]
fn an_answer_that_nobody_read_and_no_model_said_is_not_its_own_text() {
    let rules = found(|world| {
        world.wires[2].clear();
        world.rewrite(2, "something else");
    });
    assert_eq!(rules, only(Rule::OwnText));
}

#[test]
fn another_persons_text_in_an_answer_is_not_its_own_text() {
    let rules = found(|world| {
        world.wires[2].clear();
        let foreign = world.text(0);
        world.rewrite(2, &foreign);
    });
    assert_eq!(rules, only(Rule::OwnText));
}

#[test]
fn an_answer_that_never_ends_did_not_end_once() {
    let rules = found(|world| {
        let generation = world.generation(0);
        (generation.status, generation.has_end) = ("running".into(), false);
    });
    assert_eq!(rules, only(Rule::EndedOnce));
}

#[test]
fn an_answer_that_ended_in_two_ways_did_not_end_once() {
    let rules = found(|world| world.generation(1).status = "done".into());
    assert_eq!(rules, only(Rule::EndedOnce));
}

#[test]
fn an_answer_that_the_stop_of_another_ended_did_not_end_for_a_reason() {
    let rules = found(|world: &mut World| {
        world.generation(2).status = "stopped".into();
        let message = world.answer_message(2);
        (message.status, message.finish_reason) = ("stopped".into(), Some("stopped".into()));
    });
    assert_eq!(rules, only(Rule::EndedOnce));
}

#[test]
fn an_answer_that_failed_though_its_engine_lived_did_not_end_for_a_reason() {
    let rules = found(|world| {
        let generation = world.generation(2);
        (generation.status, generation.error) = ("failed".into(), Some("{}".into()));
        generation.engine_deaths = 1;
        world.answer_message(2).status = "failed".into();
    });
    assert_eq!(rules, only(Rule::EndedOnce));
}
