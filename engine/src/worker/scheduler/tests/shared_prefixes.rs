//! Instructions that several users begin with.

use super::*;

const INSTRUCTIONS: &str = "Answer as briefly as you can, and in the language of the question. Be kind.";

fn rig_that_keeps(slots: u32) -> Rig {
    let budget =
        StateBudget { memory_bytes: 1 << 20, max_age: Duration::from_secs(3_600), ..StateBudget::default() };
    rig_with(slots, &model(), &budget)
}

fn instructed(instructions: &str, text: &str) -> Vec<ChatMessage> {
    vec![says(ChatRole::System, instructions), says(ChatRole::User, text)]
}

fn shared_len() -> u32 {
    INSTRUCTIONS.len() as u32 + 1
}

impl Rig {
    fn ask_instructed(&mut self, user: u128, instructions: &str, text: &str) -> u64 {
        let command = self.command(user, plain());
        self.send(command, &instructed(instructions, text))
    }
}

#[test]
fn instructions_that_one_user_had_read_are_not_read_again_for_another() {
    let mut rig = rig_that_keeps(2);
    let first = rig.ask_instructed(ANNA, INSTRUCTIONS, "one");
    rig.finish();
    let second = rig.ask_instructed(BEN, INSTRUCTIONS, "two");
    rig.finish();
    assert_eq!((rig.cached(first), rig.cached(second)), (0, shared_len()));
    assert_eq!(rig.text(second), expected_answer(&instructed(INSTRUCTIONS, "two"), &plain()));
}

#[test]
fn what_a_user_wrote_behind_the_instructions_is_read_again_for_another() {
    let mut rig = rig_that_keeps(2);
    rig.ask_instructed(ANNA, INSTRUCTIONS, "a question that both of them ask");
    rig.finish();
    let second = rig.ask_instructed(BEN, INSTRUCTIONS, "a question that both of them ask");
    rig.finish();
    assert_eq!(rig.cached(second), shared_len());
}

#[test]
fn instructions_that_only_begin_alike_tell_nothing_of_each_other() {
    let mut rig = rig_that_keeps(2);
    rig.ask_instructed(ANNA, INSTRUCTIONS, "one");
    rig.finish();
    let (half, _) = INSTRUCTIONS.split_at(INSTRUCTIONS.len() / 2);
    let second = rig.ask_instructed(BEN, half, "two");
    let other_end = rig.ask_instructed(CLEO, &format!("{half} Be rude."), "three");
    rig.finish();
    assert_eq!((rig.cached(second), rig.cached(other_end)), (0, 0));
}

#[test]
fn three_users_who_come_at_once_have_their_instructions_read_once() {
    let mut rig = rig_that_keeps(3);
    let ids = [ANNA, BEN, CLEO].map(|user| rig.ask_instructed(user, INSTRUCTIONS, "hello"));
    rig.finish();
    assert_eq!(ids.map(|id| rig.cached(id)), [0, shared_len(), shared_len()]);
    for id in ids {
        assert_eq!(rig.text(id), expected_answer(&instructed(INSTRUCTIONS, "hello"), &plain()));
    }
}

#[test]
fn without_memory_to_keep_them_those_who_wait_get_a_copy() {
    let mut rig = rig(3);
    let ids = [ANNA, BEN, CLEO].map(|user| rig.ask_instructed(user, INSTRUCTIONS, "hello"));
    rig.finish();
    assert_eq!(ids.map(|id| rig.cached(id)), [0, shared_len(), shared_len()]);
    for id in ids {
        assert_eq!(rig.text(id), expected_answer(&instructed(INSTRUCTIONS, "hello"), &plain()));
    }
}

/// Instructions that take several steps to read while somebody answers.
fn long() -> String {
    INSTRUCTIONS.repeat(8)
}

/// Three users with the same instructions, of whom the first is reading them beside a running stream.
fn reading() -> (Rig, [u64; 3], u64) {
    let mut rig = rig_that_keeps(4);
    let running = rig.ask(9, "endless");
    rig.step_until("it answers", |rig| rig.has_text(running));
    let ids = [ANNA, BEN, CLEO].map(|user| rig.ask_instructed(user, &long(), "hello"));
    rig.step();
    assert!(ids.iter().all(|id| rig.running().contains(id)));
    assert!(rig.news(ids[1]).iter().all(|news| matches!(news, News::Queued { .. })), "the second one waits");
    (rig, ids, running)
}

#[test]
fn when_the_one_who_reads_stops_the_next_one_reads() {
    let (mut rig, [first, second, third], running) = reading();
    rig.cancel(first);
    rig.step_until("the others answer", |rig| rig.has_text(second) && rig.has_text(third));
    assert_eq!((rig.cached(second), rig.cached(third)), (0, long().len() as u32 + 1));
    rig.cancel(running);
    rig.finish();
}

#[test]
fn when_the_one_who_reads_is_held_up_the_next_one_reads() {
    let (mut rig, [first, second, third], running) = reading();
    rig.pause(first);
    rig.cancel(running);
    rig.step_until("the others answer", |rig| rig.has_ended(second) && rig.has_ended(third));
    rig.resume(first);
    rig.finish();
    assert_eq!(rig.text(first), rig.text(second));
}

#[test]
fn nobody_waits_for_one_who_is_held_up_while_nothing_else_goes_on() {
    let (mut rig, [first, second, third], running) = reading();
    rig.cancel(running);
    rig.pause(first);
    rig.pause(second);
    assert!(rig.scheduler.has_work(), "the third one can read");
    rig.step_until("it answers", |rig| rig.has_ended(third));
    rig.cancel(first);
    rig.resume(second);
    rig.finish();
    assert_eq!(rig.cached(second), long().len() as u32 + 1);
}

#[test]
fn those_who_wait_can_be_stopped() {
    let (mut rig, [first, second, third], running) = reading();
    for id in [second, first, third, running] {
        rig.cancel(id);
    }
    rig.finish();
    assert_eq!(rig.done(second).unwrap().0, FinishReason::Stopped);
}
