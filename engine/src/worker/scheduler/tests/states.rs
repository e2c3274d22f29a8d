//! What is saved when a slot is given to somebody else.

use super::*;
use crate::worker::slots::WORTH_TOKENS;

const DAY: Duration = Duration::from_secs(24 * 3_600);
/// Long enough to be worth saving.
const FIRST: &str = "echo:the answer to the first question, in some words";
const ANSWER: &str = "the answer to the first question, in some words";

fn in_memory(bytes: u64) -> StateBudget {
    StateBudget { memory_bytes: bytes, max_age: DAY, ..StateBudget::default() }
}

fn next_turn(rig: &mut Rig, user: u128, question: &str, answer: u64) -> u64 {
    let answer = rig.text(answer);
    let mut messages = asks(question);
    messages.push(says(ChatRole::Assistant, &answer));
    messages.push(says(ChatRole::User, "and then?"));
    let command = rig.command(user, plain());
    let id = rig.send(command, &messages);
    rig.finish();
    assert_eq!(rig.text(id), expected_answer(&messages, &plain()), "the same as without a cache");
    id
}

/// Tokens of a question and its answer, which is all that a second turn has to find.
fn known(rig: &Rig, question: &str, answer: u64) -> u32 {
    (prepare(&asks(question)).tokens.len() + rig.tokens(answer).len()) as u32
}

#[test]
fn a_conversation_whose_slot_was_given_away_is_not_read_again() {
    let mut rig = rig_with(1, &model(), &in_memory(1 << 20));
    let first = rig.ask(ANNA, FIRST);
    rig.finish();
    rig.ask(BEN, "tokens:5");
    rig.finish();
    let second = next_turn(&mut rig, ANNA, FIRST, first);
    assert_eq!(rig.cached(second), known(&rig, FIRST, first));
    assert_eq!(rig.done(second).unwrap().1.cached_tokens, known(&rig, FIRST, first));
}

#[test]
fn what_one_user_said_is_never_restored_for_another() {
    let mut rig = rig_with(1, &model(), &in_memory(1 << 20));
    let first = rig.ask(ANNA, FIRST);
    rig.finish();
    rig.ask(CLEO, "tokens:5");
    rig.finish();
    let second = next_turn(&mut rig, BEN, FIRST, first);
    assert_eq!(rig.cached(second), 0);
    let again = next_turn(&mut rig, ANNA, FIRST, first);
    assert_eq!(rig.cached(again), known(&rig, FIRST, first), "it had been kept, for its own user");
}

/// What is kept of a question for a model whose states serve only whole.
fn known_of_question(question: &str) -> u32 {
    (prepare(&asks(question)).tokens.len() - WORTH_TOKENS) as u32
}

#[test]
fn a_model_that_cannot_be_cut_goes_on_from_a_whole_state_or_from_shortly_before_an_answer() {
    let whole = ScriptedModel { states_are_whole: true, ..model() };
    let mut rig = rig_with(1, &whole, &in_memory(1 << 20));
    let first = rig.ask(ANNA, FIRST);
    rig.finish();
    rig.ask(BEN, "tokens:5");
    rig.finish();
    let second = next_turn(&mut rig, ANNA, FIRST, first);
    assert_eq!(rig.cached(second), known(&rig, FIRST, first));
    rig.ask(BEN, "tokens:5");
    rig.finish();
    let again = rig.ask(ANNA, "another question");
    rig.finish();
    assert_eq!(rig.cached(again), 0, "no part of what was saved");
    assert_eq!(rig.text(again), expected_answer(&asks("another question"), &plain()));
}

#[test]
fn a_question_that_is_answered_anew_is_not_read_again_by_a_model_that_cannot_be_cut() {
    let whole = ScriptedModel { states_are_whole: true, ..model() };
    let mut rig = rig_with(1, &whole, &in_memory(1 << 20));
    let first = rig.ask(ANNA, FIRST);
    rig.finish();
    rig.ask(BEN, "tokens:5");
    rig.finish();
    let again = rig.ask(ANNA, FIRST);
    rig.finish();
    assert_eq!(rig.cached(again), known_of_question(FIRST));
    assert_eq!(rig.text(again), rig.text(first));
}

#[test]
fn of_each_conversation_that_cannot_be_cut_two_states_are_kept() {
    let whole = ScriptedModel { states_are_whole: true, ..model() };
    let mut rig = rig_with(1, &whole, &in_memory(1 << 20));
    let first = rig.ask(ANNA, FIRST);
    rig.finish();
    rig.ask(BEN, "tokens:5");
    rig.finish();
    let one_turn = rig.scheduler.states.memory_bytes();
    next_turn(&mut rig, ANNA, FIRST, first);
    rig.ask(BEN, "tokens:5");
    rig.finish();
    let again = rig.ask(ANNA, FIRST);
    rig.finish();
    assert_eq!(rig.cached(again), 0, "the turn before the last is no longer kept");
    assert!(rig.scheduler.states.memory_bytes() > one_turn);
}

#[test]
fn memory_holds_the_newest_conversations_that_fit() {
    let question = |n: usize| format!("{n} {FIRST}");
    // The scripted decoder's states take 256 bytes a token, and their tokens four.
    let state_bytes = 260 * (prepare(&asks(&question(0))).tokens.len() + ANSWER.len()) as u64;
    let budget = in_memory(3 * state_bytes);
    let mut rig = rig_with(1, &model(), &budget);
    for n in 0..8 {
        rig.ask(ANNA, &question(n));
        rig.finish();
        assert!(rig.scheduler.states.memory_bytes() <= budget.memory_bytes);
    }
    let found = |n: usize| rig.scheduler.states.find(ANNA, &prepare(&asks(&question(n))).tokens).is_some();
    // The last one is in the slot.
    assert_eq!((0..7).map(found).collect::<Vec<_>>(), [false, false, false, false, true, true, true]);
}

#[test]
fn nothing_is_saved_where_nothing_may_be_kept() {
    let mut rig = rig_with(1, &model(), &in_memory(0));
    let first = rig.ask(ANNA, FIRST);
    rig.finish();
    rig.ask(BEN, "tokens:5");
    rig.finish();
    let second = next_turn(&mut rig, ANNA, FIRST, first);
    assert_eq!(rig.cached(second), 0);
}

#[test]
fn what_nobody_came_back_for_is_forgotten_in_time() {
    let mut rig = rig_with(1, &model(), &in_memory(1 << 20));
    rig.ask(ANNA, FIRST);
    rig.finish();
    rig.ask(BEN, "echo:something that is long enough to be saved");
    rig.finish();
    rig.time.set(rig.time.get() + DAY + Duration::from_secs(1));
    let other = rig.ask(CLEO, FIRST);
    rig.finish();
    assert!(rig.done(other).is_some());
    assert!(rig.scheduler.states.find(ANNA, &prepare(&asks(FIRST)).tokens).is_none());
}
